// Original file: proto/vfio/v1/vfio.proto


export interface PreadResult {
  'ret'?: (number);
  'data'?: (Buffer | Uint8Array | string);
}

export interface PreadResult__Output {
  'ret': (number);
  'data': (Buffer);
}
