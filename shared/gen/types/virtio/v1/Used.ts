// Original file: proto/virtio/v1/virtio.proto


export interface Used {
  'queue'?: (number);
  'head'?: (number);
  'written'?: (Buffer | Uint8Array | string);
  'interrupt'?: (boolean);
}

export interface Used__Output {
  'queue': (number);
  'head': (number);
  'written': (Buffer);
  'interrupt': (boolean);
}
