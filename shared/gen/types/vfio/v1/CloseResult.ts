// Original file: proto/vfio/v1/vfio.proto


export interface CloseResult {
  'ret'?: (number);
}

export interface CloseResult__Output {
  'ret': (number);
}
