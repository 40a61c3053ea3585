// Original file: proto/lab/v1/lab.proto


export interface StateReply {
  'json'?: (string);
}

export interface StateReply__Output {
  'json': (string);
}
