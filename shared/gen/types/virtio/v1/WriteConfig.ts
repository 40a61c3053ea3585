// Original file: proto/virtio/v1/virtio.proto


export interface WriteConfig {
  'offset'?: (number);
  'data'?: (Buffer | Uint8Array | string);
}

export interface WriteConfig__Output {
  'offset': (number);
  'data': (Buffer);
}
