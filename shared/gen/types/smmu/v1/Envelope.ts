// Original file: proto/smmu/v1/smmu.proto

import type { PostedWrite as _smmu_v1_PostedWrite, PostedWrite__Output as _smmu_v1_PostedWrite__Output } from '../../smmu/v1/PostedWrite.ts';
import type { Hello as _smmu_v1_Hello, Hello__Output as _smmu_v1_Hello__Output } from '../../smmu/v1/Hello.ts';
import type { Rejected as _smmu_v1_Rejected, Rejected__Output as _smmu_v1_Rejected__Output } from '../../smmu/v1/Rejected.ts';
import type { Ack as _smmu_v1_Ack, Ack__Output as _smmu_v1_Ack__Output } from '../../smmu/v1/Ack.ts';
import type { MmioRead as _smmu_v1_MmioRead, MmioRead__Output as _smmu_v1_MmioRead__Output } from '../../smmu/v1/MmioRead.ts';
import type { MmioWrite as _smmu_v1_MmioWrite, MmioWrite__Output as _smmu_v1_MmioWrite__Output } from '../../smmu/v1/MmioWrite.ts';
import type { ConfigWrite as _smmu_v1_ConfigWrite, ConfigWrite__Output as _smmu_v1_ConfigWrite__Output } from '../../smmu/v1/ConfigWrite.ts';
import type { Power as _smmu_v1_Power, Power__Output as _smmu_v1_Power__Output } from '../../smmu/v1/Power.ts';
import type { MmioReadResult as _smmu_v1_MmioReadResult, MmioReadResult__Output as _smmu_v1_MmioReadResult__Output } from '../../smmu/v1/MmioReadResult.ts';
import type { ConfigWriteDone as _smmu_v1_ConfigWriteDone, ConfigWriteDone__Output as _smmu_v1_ConfigWriteDone__Output } from '../../smmu/v1/ConfigWriteDone.ts';
import type { PowerDone as _smmu_v1_PowerDone, PowerDone__Output as _smmu_v1_PowerDone__Output } from '../../smmu/v1/PowerDone.ts';
import type { Interrupt as _smmu_v1_Interrupt, Interrupt__Output as _smmu_v1_Interrupt__Output } from '../../smmu/v1/Interrupt.ts';

export interface Envelope {
  'seq'?: (number);
  'replyTo'?: (number);
  'lamport'?: (number);
  'trace'?: (Buffer | Uint8Array | string);
  'writes'?: (_smmu_v1_PostedWrite)[];
  'hello'?: (_smmu_v1_Hello | null);
  'rejected'?: (_smmu_v1_Rejected | null);
  'ack'?: (_smmu_v1_Ack | null);
  'mmioRead'?: (_smmu_v1_MmioRead | null);
  'mmioWrite'?: (_smmu_v1_MmioWrite | null);
  'configWrite'?: (_smmu_v1_ConfigWrite | null);
  'power'?: (_smmu_v1_Power | null);
  'mmioReadResult'?: (_smmu_v1_MmioReadResult | null);
  'configWriteDone'?: (_smmu_v1_ConfigWriteDone | null);
  'powerDone'?: (_smmu_v1_PowerDone | null);
  'interrupt'?: (_smmu_v1_Interrupt | null);
  'body'?: "hello"|"rejected"|"ack"|"mmioRead"|"mmioWrite"|"configWrite"|"power"|"mmioReadResult"|"configWriteDone"|"powerDone"|"interrupt";
}

export interface Envelope__Output {
  'seq': (number);
  'replyTo': (number);
  'lamport': (number);
  'trace': (Buffer);
  'writes': (_smmu_v1_PostedWrite__Output)[];
  'hello'?: (_smmu_v1_Hello__Output | null);
  'rejected'?: (_smmu_v1_Rejected__Output | null);
  'ack'?: (_smmu_v1_Ack__Output | null);
  'mmioRead'?: (_smmu_v1_MmioRead__Output | null);
  'mmioWrite'?: (_smmu_v1_MmioWrite__Output | null);
  'configWrite'?: (_smmu_v1_ConfigWrite__Output | null);
  'power'?: (_smmu_v1_Power__Output | null);
  'mmioReadResult'?: (_smmu_v1_MmioReadResult__Output | null);
  'configWriteDone'?: (_smmu_v1_ConfigWriteDone__Output | null);
  'powerDone'?: (_smmu_v1_PowerDone__Output | null);
  'interrupt'?: (_smmu_v1_Interrupt__Output | null);
  'body'?: "hello"|"rejected"|"ack"|"mmioRead"|"mmioWrite"|"configWrite"|"power"|"mmioReadResult"|"configWriteDone"|"powerDone"|"interrupt";
}
