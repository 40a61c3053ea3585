// Original file: proto/lab/v1/lab.proto


export interface Translate {
  'hasPasid'?: (boolean);
  'pasid'?: (number);
  'priv'?: (boolean);
  'exec'?: (boolean);
  'noWrite'?: (boolean);
  'address'?: (Buffer | Uint8Array | string);
  'count'?: (number);
}

export interface Translate__Output {
  'hasPasid': (boolean);
  'pasid': (number);
  'priv': (boolean);
  'exec': (boolean);
  'noWrite': (boolean);
  'address': (Buffer);
  'count': (number);
}
