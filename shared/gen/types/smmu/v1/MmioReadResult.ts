// Original file: proto/smmu/v1/smmu.proto


export interface MmioReadResult {
  'value'?: (Buffer | Uint8Array | string);
}

export interface MmioReadResult__Output {
  'value': (Buffer);
}
