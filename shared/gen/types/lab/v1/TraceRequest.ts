// Original file: proto/lab/v1/lab.proto


export interface TraceRequest {
  'kinds'?: (string)[];
}

export interface TraceRequest__Output {
  'kinds': (string)[];
}
