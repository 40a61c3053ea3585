// Original file: proto/virtio/v1/virtio.proto

import type { Memory as _virtio_v1_Memory, Memory__Output as _virtio_v1_Memory__Output } from '../../virtio/v1/Memory.ts';

export interface Hello {
  'protocol'?: (string);
  'name'?: (string);
  'machineDigest'?: (string);
  'abi'?: (string);
  'memory'?: (_virtio_v1_Memory | null);
}

export interface Hello__Output {
  'protocol': (string);
  'name': (string);
  'machineDigest': (string);
  'abi': (string);
  'memory': (_virtio_v1_Memory__Output | null);
}
