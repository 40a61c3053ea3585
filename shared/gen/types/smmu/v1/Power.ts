// Original file: proto/smmu/v1/smmu.proto

import type { PowerAction as _smmu_v1_PowerAction, PowerAction__Output as _smmu_v1_PowerAction__Output } from '../../smmu/v1/PowerAction.ts';

export interface Power {
  'action'?: (_smmu_v1_PowerAction);
}

export interface Power__Output {
  'action': (_smmu_v1_PowerAction__Output);
}
