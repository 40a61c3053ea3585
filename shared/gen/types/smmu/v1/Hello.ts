// Original file: proto/smmu/v1/smmu.proto

import type { Memory as _smmu_v1_Memory, Memory__Output as _smmu_v1_Memory__Output } from '../../smmu/v1/Memory.ts';

export interface Hello {
  'protocol'?: (string);
  'name'?: (string);
  'machineDigest'?: (string);
  'abi'?: (string);
  'memory'?: (_smmu_v1_Memory | null);
}

export interface Hello__Output {
  'protocol': (string);
  'name': (string);
  'machineDigest': (string);
  'abi': (string);
  'memory': (_smmu_v1_Memory__Output | null);
}
