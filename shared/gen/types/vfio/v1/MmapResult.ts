// Original file: proto/vfio/v1/vfio.proto


export interface MmapResult {
  'ret'?: (number);
  'hva'?: (Buffer | Uint8Array | string);
}

export interface MmapResult__Output {
  'ret': (number);
  'hva': (Buffer);
}
