// Original file: proto/virtio/v1/virtio.proto


export interface Rejected {
  'field'?: (string);
  'reason'?: (string);
}

export interface Rejected__Output {
  'field': (string);
  'reason': (string);
}
