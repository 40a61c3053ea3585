// Original file: proto/virtio/v1/virtio.proto


export interface Ack {
  'n'?: (number);
}

export interface Ack__Output {
  'n': (number);
}
