// Original file: proto/vfio/v1/vfio.proto


export interface Close {
  'fd'?: (number);
}

export interface Close__Output {
  'fd': (number);
}
