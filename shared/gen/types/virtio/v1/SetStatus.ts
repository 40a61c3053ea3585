// Original file: proto/virtio/v1/virtio.proto


export interface SetStatus {
  'status'?: (number);
}

export interface SetStatus__Output {
  'status': (number);
}
