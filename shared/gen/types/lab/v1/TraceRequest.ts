// Original file: proto/lab/v1/lab.proto


export interface TraceRequest {
  'kinds'?: (string)[];
  'run'?: (string);
}

export interface TraceRequest__Output {
  'kinds': (string)[];
  'run': (string);
}
