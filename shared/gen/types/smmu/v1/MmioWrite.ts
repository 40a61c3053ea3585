// Original file: proto/smmu/v1/smmu.proto


export interface MmioWrite {
  'address'?: (Buffer | Uint8Array | string);
  'value'?: (Buffer | Uint8Array | string);
}

export interface MmioWrite__Output {
  'address': (Buffer);
  'value': (Buffer);
}
