// Original file: proto/vfio/v1/vfio.proto


export interface OpenResult {
  'ret'?: (number);
}

export interface OpenResult__Output {
  'ret': (number);
}
