// Original file: proto/virtio/v1/virtio.proto


export interface PciRead {
  'bdf'?: (number);
  'space'?: (string);
  'offset'?: (number);
  'size'?: (number);
}

export interface PciRead__Output {
  'bdf': (number);
  'space': (string);
  'offset': (number);
  'size': (number);
}
