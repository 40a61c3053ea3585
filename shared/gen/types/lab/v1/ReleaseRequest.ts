// Original file: proto/lab/v1/lab.proto


export interface ReleaseRequest {
  'rule'?: (string);
}

export interface ReleaseRequest__Output {
  'rule': (string);
}
