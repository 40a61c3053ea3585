// Original file: proto/smmu/v1/smmu.proto


export interface Memory {
  'backing'?: (string);
  'path'?: (string);
  'bytes'?: (Buffer | Uint8Array | string);
}

export interface Memory__Output {
  'backing': (string);
  'path': (string);
  'bytes': (Buffer);
}
