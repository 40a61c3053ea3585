// Original file: proto/virtio/v1/virtio.proto


export interface Available {
  'queue'?: (number);
  'head'?: (number);
  'readable'?: (Buffer | Uint8Array | string);
  'writableLength'?: (number);
}

export interface Available__Output {
  'queue': (number);
  'head': (number);
  'readable': (Buffer);
  'writableLength': (number);
}
