// Original file: proto/virtio/v1/virtio.proto


export interface Config {
  'data'?: (Buffer | Uint8Array | string);
}

export interface Config__Output {
  'data': (Buffer);
}
