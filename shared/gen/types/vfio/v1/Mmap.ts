// Original file: proto/vfio/v1/vfio.proto


export interface Mmap {
  'fd'?: (number);
  'offset'?: (Buffer | Uint8Array | string);
  'length'?: (Buffer | Uint8Array | string);
}

export interface Mmap__Output {
  'fd': (number);
  'offset': (Buffer);
  'length': (Buffer);
}
