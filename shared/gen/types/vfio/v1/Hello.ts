// Original file: proto/vfio/v1/vfio.proto

import type { Memory as _vfio_v1_Memory, Memory__Output as _vfio_v1_Memory__Output } from '../../vfio/v1/Memory.ts';

export interface Hello {
  'protocol'?: (string);
  'name'?: (string);
  'machineDigest'?: (string);
  'abi'?: (string);
  'memory'?: (_vfio_v1_Memory | null);
}

export interface Hello__Output {
  'protocol': (string);
  'name': (string);
  'machineDigest': (string);
  'abi': (string);
  'memory': (_vfio_v1_Memory__Output | null);
}
