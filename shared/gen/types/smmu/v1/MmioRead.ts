// Original file: proto/smmu/v1/smmu.proto


export interface MmioRead {
  'address'?: (Buffer | Uint8Array | string);
  'size'?: (number);
}

export interface MmioRead__Output {
  'address': (Buffer);
  'size': (number);
}
