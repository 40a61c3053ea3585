// Original file: proto/vfio/v1/vfio.proto


export interface Rejected {
  'field'?: (string);
  'reason'?: (string);
}

export interface Rejected__Output {
  'field': (string);
  'reason': (string);
}
