// Original file: proto/smmu/v1/smmu.proto


export interface Rejected {
  'field'?: (string);
  'reason'?: (string);
}

export interface Rejected__Output {
  'field': (string);
  'reason': (string);
}
