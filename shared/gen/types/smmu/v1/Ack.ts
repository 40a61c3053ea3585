// Original file: proto/smmu/v1/smmu.proto


export interface Ack {
  'n'?: (number);
}

export interface Ack__Output {
  'n': (number);
}
