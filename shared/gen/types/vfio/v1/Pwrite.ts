// Original file: proto/vfio/v1/vfio.proto


export interface Pwrite {
  'fd'?: (number);
  'offset'?: (Buffer | Uint8Array | string);
  'data'?: (Buffer | Uint8Array | string);
}

export interface Pwrite__Output {
  'fd': (number);
  'offset': (Buffer);
  'data': (Buffer);
}
