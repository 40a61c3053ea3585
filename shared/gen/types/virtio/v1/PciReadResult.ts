// Original file: proto/virtio/v1/virtio.proto


export interface PciReadResult {
  'value'?: (Buffer | Uint8Array | string);
}

export interface PciReadResult__Output {
  'value': (Buffer);
}
