// Original file: proto/virtio/v1/virtio.proto


export interface ReadConfig {
  'offset'?: (number);
  'length'?: (number);
}

export interface ReadConfig__Output {
  'offset': (number);
  'length': (number);
}
