// Original file: proto/virtio/v1/virtio.proto


export interface PciWrite {
  'bdf'?: (number);
  'space'?: (string);
  'offset'?: (number);
  'value'?: (Buffer | Uint8Array | string);
}

export interface PciWrite__Output {
  'bdf': (number);
  'space': (string);
  'offset': (number);
  'value': (Buffer);
}
