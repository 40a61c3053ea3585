// Original file: proto/smmu/v1/smmu.proto

import type { InterruptSource as _smmu_v1_InterruptSource, InterruptSource__Output as _smmu_v1_InterruptSource__Output } from '../../smmu/v1/InterruptSource.ts';

export interface Interrupt {
  'source'?: (_smmu_v1_InterruptSource);
  'deviceId'?: (number);
  'eventId'?: (number);
  'eventqProd'?: (number);
  'priqProd'?: (number);
  'cmdqCons'?: (number);
  'gerror'?: (number);
}

export interface Interrupt__Output {
  'source': (_smmu_v1_InterruptSource__Output);
  'deviceId': (number);
  'eventId': (number);
  'eventqProd': (number);
  'priqProd': (number);
  'cmdqCons': (number);
  'gerror': (number);
}
