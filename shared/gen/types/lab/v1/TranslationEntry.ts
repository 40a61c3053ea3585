// Original file: proto/lab/v1/lab.proto


export interface TranslationEntry {
  'address'?: (Buffer | Uint8Array | string);
  'sizeBytes'?: (number | string);
  'r'?: (boolean);
  'w'?: (boolean);
  'exe'?: (boolean);
  'priv'?: (boolean);
  'global'?: (boolean);
  'n'?: (boolean);
  'u'?: (boolean);
  'raw'?: (Buffer | Uint8Array | string);
}

export interface TranslationEntry__Output {
  'address': (Buffer);
  'sizeBytes': (number);
  'r': (boolean);
  'w': (boolean);
  'exe': (boolean);
  'priv': (boolean);
  'global': (boolean);
  'n': (boolean);
  'u': (boolean);
  'raw': (Buffer);
}
