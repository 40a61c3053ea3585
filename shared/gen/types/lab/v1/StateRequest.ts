// Original file: proto/lab/v1/lab.proto


export interface StateRequest {
  'path'?: (string);
}

export interface StateRequest__Output {
  'path': (string);
}
