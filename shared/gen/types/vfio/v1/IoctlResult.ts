// Original file: proto/vfio/v1/vfio.proto


export interface IoctlResult {
  'ret'?: (number);
  'arg'?: (Buffer | Uint8Array | string);
}

export interface IoctlResult__Output {
  'ret': (number);
  'arg': (Buffer);
}
