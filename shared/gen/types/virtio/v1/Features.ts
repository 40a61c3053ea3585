// Original file: proto/virtio/v1/virtio.proto


export interface Features {
  'features'?: (Buffer | Uint8Array | string);
}

export interface Features__Output {
  'features': (Buffer);
}
