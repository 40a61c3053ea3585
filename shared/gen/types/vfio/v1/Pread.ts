// Original file: proto/vfio/v1/vfio.proto


export interface Pread {
  'fd'?: (number);
  'offset'?: (Buffer | Uint8Array | string);
  'length'?: (number);
}

export interface Pread__Output {
  'fd': (number);
  'offset': (Buffer);
  'length': (number);
}
