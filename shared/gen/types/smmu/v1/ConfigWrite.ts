// Original file: proto/smmu/v1/smmu.proto


export interface ConfigWrite {
  'address'?: (Buffer | Uint8Array | string);
  'value'?: (Buffer | Uint8Array | string);
}

export interface ConfigWrite__Output {
  'address': (Buffer);
  'value': (Buffer);
}
