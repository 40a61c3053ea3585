// Original file: proto/virtio/v1/virtio.proto

import type { InterruptSource as _virtio_v1_InterruptSource, InterruptSource__Output as _virtio_v1_InterruptSource__Output } from '../../virtio/v1/InterruptSource.ts';

export interface Interrupt {
  'source'?: (_virtio_v1_InterruptSource);
  'bdf'?: (number);
  'vector'?: (number);
}

export interface Interrupt__Output {
  'source': (_virtio_v1_InterruptSource__Output);
  'bdf': (number);
  'vector': (number);
}
