// Original file: proto/virtio/v1/virtio.proto

import type { PostedWrite as _virtio_v1_PostedWrite, PostedWrite__Output as _virtio_v1_PostedWrite__Output } from '../../virtio/v1/PostedWrite.ts';
import type { Hello as _virtio_v1_Hello, Hello__Output as _virtio_v1_Hello__Output } from '../../virtio/v1/Hello.ts';
import type { Rejected as _virtio_v1_Rejected, Rejected__Output as _virtio_v1_Rejected__Output } from '../../virtio/v1/Rejected.ts';
import type { Ack as _virtio_v1_Ack, Ack__Output as _virtio_v1_Ack__Output } from '../../virtio/v1/Ack.ts';
import type { GetFeatures as _virtio_v1_GetFeatures, GetFeatures__Output as _virtio_v1_GetFeatures__Output } from '../../virtio/v1/GetFeatures.ts';
import type { SetFeatures as _virtio_v1_SetFeatures, SetFeatures__Output as _virtio_v1_SetFeatures__Output } from '../../virtio/v1/SetFeatures.ts';
import type { GetStatus as _virtio_v1_GetStatus, GetStatus__Output as _virtio_v1_GetStatus__Output } from '../../virtio/v1/GetStatus.ts';
import type { SetStatus as _virtio_v1_SetStatus, SetStatus__Output as _virtio_v1_SetStatus__Output } from '../../virtio/v1/SetStatus.ts';
import type { ReadConfig as _virtio_v1_ReadConfig, ReadConfig__Output as _virtio_v1_ReadConfig__Output } from '../../virtio/v1/ReadConfig.ts';
import type { WriteConfig as _virtio_v1_WriteConfig, WriteConfig__Output as _virtio_v1_WriteConfig__Output } from '../../virtio/v1/WriteConfig.ts';
import type { Available as _virtio_v1_Available, Available__Output as _virtio_v1_Available__Output } from '../../virtio/v1/Available.ts';
import type { PciRead as _virtio_v1_PciRead, PciRead__Output as _virtio_v1_PciRead__Output } from '../../virtio/v1/PciRead.ts';
import type { PciWrite as _virtio_v1_PciWrite, PciWrite__Output as _virtio_v1_PciWrite__Output } from '../../virtio/v1/PciWrite.ts';
import type { Features as _virtio_v1_Features, Features__Output as _virtio_v1_Features__Output } from '../../virtio/v1/Features.ts';
import type { Status as _virtio_v1_Status, Status__Output as _virtio_v1_Status__Output } from '../../virtio/v1/Status.ts';
import type { Config as _virtio_v1_Config, Config__Output as _virtio_v1_Config__Output } from '../../virtio/v1/Config.ts';
import type { ConfigWritten as _virtio_v1_ConfigWritten, ConfigWritten__Output as _virtio_v1_ConfigWritten__Output } from '../../virtio/v1/ConfigWritten.ts';
import type { PciReadResult as _virtio_v1_PciReadResult, PciReadResult__Output as _virtio_v1_PciReadResult__Output } from '../../virtio/v1/PciReadResult.ts';
import type { PciWriteDone as _virtio_v1_PciWriteDone, PciWriteDone__Output as _virtio_v1_PciWriteDone__Output } from '../../virtio/v1/PciWriteDone.ts';
import type { Used as _virtio_v1_Used, Used__Output as _virtio_v1_Used__Output } from '../../virtio/v1/Used.ts';
import type { Interrupt as _virtio_v1_Interrupt, Interrupt__Output as _virtio_v1_Interrupt__Output } from '../../virtio/v1/Interrupt.ts';

export interface Envelope {
  'seq'?: (number);
  'replyTo'?: (number);
  'lamport'?: (number);
  'trace'?: (Buffer | Uint8Array | string);
  'writes'?: (_virtio_v1_PostedWrite)[];
  'hello'?: (_virtio_v1_Hello | null);
  'rejected'?: (_virtio_v1_Rejected | null);
  'ack'?: (_virtio_v1_Ack | null);
  'getFeatures'?: (_virtio_v1_GetFeatures | null);
  'setFeatures'?: (_virtio_v1_SetFeatures | null);
  'getStatus'?: (_virtio_v1_GetStatus | null);
  'setStatus'?: (_virtio_v1_SetStatus | null);
  'readConfig'?: (_virtio_v1_ReadConfig | null);
  'writeConfig'?: (_virtio_v1_WriteConfig | null);
  'available'?: (_virtio_v1_Available | null);
  'pciRead'?: (_virtio_v1_PciRead | null);
  'pciWrite'?: (_virtio_v1_PciWrite | null);
  'features'?: (_virtio_v1_Features | null);
  'status'?: (_virtio_v1_Status | null);
  'config'?: (_virtio_v1_Config | null);
  'configWritten'?: (_virtio_v1_ConfigWritten | null);
  'pciReadResult'?: (_virtio_v1_PciReadResult | null);
  'pciWriteDone'?: (_virtio_v1_PciWriteDone | null);
  'used'?: (_virtio_v1_Used | null);
  'interrupt'?: (_virtio_v1_Interrupt | null);
  'body'?: "hello"|"rejected"|"ack"|"getFeatures"|"setFeatures"|"getStatus"|"setStatus"|"readConfig"|"writeConfig"|"available"|"pciRead"|"pciWrite"|"features"|"status"|"config"|"configWritten"|"pciReadResult"|"pciWriteDone"|"used"|"interrupt";
}

export interface Envelope__Output {
  'seq': (number);
  'replyTo': (number);
  'lamport': (number);
  'trace': (Buffer);
  'writes': (_virtio_v1_PostedWrite__Output)[];
  'hello'?: (_virtio_v1_Hello__Output | null);
  'rejected'?: (_virtio_v1_Rejected__Output | null);
  'ack'?: (_virtio_v1_Ack__Output | null);
  'getFeatures'?: (_virtio_v1_GetFeatures__Output | null);
  'setFeatures'?: (_virtio_v1_SetFeatures__Output | null);
  'getStatus'?: (_virtio_v1_GetStatus__Output | null);
  'setStatus'?: (_virtio_v1_SetStatus__Output | null);
  'readConfig'?: (_virtio_v1_ReadConfig__Output | null);
  'writeConfig'?: (_virtio_v1_WriteConfig__Output | null);
  'available'?: (_virtio_v1_Available__Output | null);
  'pciRead'?: (_virtio_v1_PciRead__Output | null);
  'pciWrite'?: (_virtio_v1_PciWrite__Output | null);
  'features'?: (_virtio_v1_Features__Output | null);
  'status'?: (_virtio_v1_Status__Output | null);
  'config'?: (_virtio_v1_Config__Output | null);
  'configWritten'?: (_virtio_v1_ConfigWritten__Output | null);
  'pciReadResult'?: (_virtio_v1_PciReadResult__Output | null);
  'pciWriteDone'?: (_virtio_v1_PciWriteDone__Output | null);
  'used'?: (_virtio_v1_Used__Output | null);
  'interrupt'?: (_virtio_v1_Interrupt__Output | null);
  'body'?: "hello"|"rejected"|"ack"|"getFeatures"|"setFeatures"|"getStatus"|"setStatus"|"readConfig"|"writeConfig"|"available"|"pciRead"|"pciWrite"|"features"|"status"|"config"|"configWritten"|"pciReadResult"|"pciWriteDone"|"used"|"interrupt";
}
