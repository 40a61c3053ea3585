// Original file: proto/lab/v1/lab.proto


export interface TranslatedDma {
  'write'?: (boolean);
  'pa'?: (Buffer | Uint8Array | string);
  'bytes'?: (Buffer | Uint8Array | string);
  'length'?: (number);
}

export interface TranslatedDma__Output {
  'write': (boolean);
  'pa': (Buffer);
  'bytes': (Buffer);
  'length': (number);
}
