// Original file: proto/vfio/v1/vfio.proto


export interface Open {
  'path'?: (string);
}

export interface Open__Output {
  'path': (string);
}
