// Original file: proto/lab/v1/lab.proto


export interface PageRequest {
  'hasPasid'?: (boolean);
  'pasid'?: (number);
  'priv'?: (boolean);
  'exec'?: (boolean);
  'prgi'?: (number);
  'last'?: (boolean);
  'read'?: (boolean);
  'write'?: (boolean);
  'address'?: (Buffer | Uint8Array | string);
  'waitMs'?: (number);
}

export interface PageRequest__Output {
  'hasPasid': (boolean);
  'pasid': (number);
  'priv': (boolean);
  'exec': (boolean);
  'prgi': (number);
  'last': (boolean);
  'read': (boolean);
  'write': (boolean);
  'address': (Buffer);
  'waitMs': (number);
}
