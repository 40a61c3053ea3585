// Original file: proto/smmu/v1/smmu.proto


export interface PostedWrite {
  'address'?: (Buffer | Uint8Array | string);
  'data'?: (Buffer | Uint8Array | string);
}

export interface PostedWrite__Output {
  'address': (Buffer);
  'data': (Buffer);
}
