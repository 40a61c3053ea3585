// Original file: proto/lab/v1/lab.proto


export interface PrgResponse {
  'hasPasid'?: (boolean);
  'pasid'?: (number);
  'prgi'?: (number);
  'code'?: (number);
  'expected'?: (boolean);
}

export interface PrgResponse__Output {
  'hasPasid': (boolean);
  'pasid': (number);
  'prgi': (number);
  'code': (number);
  'expected': (boolean);
}
