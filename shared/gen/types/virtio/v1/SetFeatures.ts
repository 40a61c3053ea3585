// Original file: proto/virtio/v1/virtio.proto


export interface SetFeatures {
  'features'?: (Buffer | Uint8Array | string);
}

export interface SetFeatures__Output {
  'features': (Buffer);
}
