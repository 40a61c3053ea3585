// Original file: proto/lab/v1/lab.proto


export interface Dma {
  'hasPasid'?: (boolean);
  'pasid'?: (number);
  'priv'?: (boolean);
  'exec'?: (boolean);
  'write'?: (boolean);
  'iova'?: (Buffer | Uint8Array | string);
  'bytes'?: (Buffer | Uint8Array | string);
  'length'?: (number);
}

export interface Dma__Output {
  'hasPasid': (boolean);
  'pasid': (number);
  'priv': (boolean);
  'exec': (boolean);
  'write': (boolean);
  'iova': (Buffer);
  'bytes': (Buffer);
  'length': (number);
}
