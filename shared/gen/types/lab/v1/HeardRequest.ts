// Original file: proto/lab/v1/lab.proto


export interface HeardRequest {
  'kind'?: (string);
}

export interface HeardRequest__Output {
  'kind': (string);
}
