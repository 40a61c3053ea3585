// Original file: proto/vfio/v1/vfio.proto


export interface PwriteResult {
  'ret'?: (number);
}

export interface PwriteResult__Output {
  'ret': (number);
}
