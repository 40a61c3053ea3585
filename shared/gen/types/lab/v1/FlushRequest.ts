// Original file: proto/lab/v1/lab.proto


export interface FlushRequest {
  'marker'?: (number);
}

export interface FlushRequest__Output {
  'marker': (number);
}
