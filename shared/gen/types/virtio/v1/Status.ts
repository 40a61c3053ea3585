// Original file: proto/virtio/v1/virtio.proto


export interface Status {
  'status'?: (number);
}

export interface Status__Output {
  'status': (number);
}
