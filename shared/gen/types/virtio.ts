import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Ack as _virtio_v1_Ack, Ack__Output as _virtio_v1_Ack__Output } from './virtio/v1/Ack.ts';
import type { Available as _virtio_v1_Available, Available__Output as _virtio_v1_Available__Output } from './virtio/v1/Available.ts';
import type { Config as _virtio_v1_Config, Config__Output as _virtio_v1_Config__Output } from './virtio/v1/Config.ts';
import type { ConfigWritten as _virtio_v1_ConfigWritten, ConfigWritten__Output as _virtio_v1_ConfigWritten__Output } from './virtio/v1/ConfigWritten.ts';
import type { Envelope as _virtio_v1_Envelope, Envelope__Output as _virtio_v1_Envelope__Output } from './virtio/v1/Envelope.ts';
import type { Features as _virtio_v1_Features, Features__Output as _virtio_v1_Features__Output } from './virtio/v1/Features.ts';
import type { GetFeatures as _virtio_v1_GetFeatures, GetFeatures__Output as _virtio_v1_GetFeatures__Output } from './virtio/v1/GetFeatures.ts';
import type { GetStatus as _virtio_v1_GetStatus, GetStatus__Output as _virtio_v1_GetStatus__Output } from './virtio/v1/GetStatus.ts';
import type { Hello as _virtio_v1_Hello, Hello__Output as _virtio_v1_Hello__Output } from './virtio/v1/Hello.ts';
import type { Interrupt as _virtio_v1_Interrupt, Interrupt__Output as _virtio_v1_Interrupt__Output } from './virtio/v1/Interrupt.ts';
import type { Memory as _virtio_v1_Memory, Memory__Output as _virtio_v1_Memory__Output } from './virtio/v1/Memory.ts';
import type { PciRead as _virtio_v1_PciRead, PciRead__Output as _virtio_v1_PciRead__Output } from './virtio/v1/PciRead.ts';
import type { PciReadResult as _virtio_v1_PciReadResult, PciReadResult__Output as _virtio_v1_PciReadResult__Output } from './virtio/v1/PciReadResult.ts';
import type { PciWrite as _virtio_v1_PciWrite, PciWrite__Output as _virtio_v1_PciWrite__Output } from './virtio/v1/PciWrite.ts';
import type { PciWriteDone as _virtio_v1_PciWriteDone, PciWriteDone__Output as _virtio_v1_PciWriteDone__Output } from './virtio/v1/PciWriteDone.ts';
import type { PostedWrite as _virtio_v1_PostedWrite, PostedWrite__Output as _virtio_v1_PostedWrite__Output } from './virtio/v1/PostedWrite.ts';
import type { ReadConfig as _virtio_v1_ReadConfig, ReadConfig__Output as _virtio_v1_ReadConfig__Output } from './virtio/v1/ReadConfig.ts';
import type { Rejected as _virtio_v1_Rejected, Rejected__Output as _virtio_v1_Rejected__Output } from './virtio/v1/Rejected.ts';
import type { SetFeatures as _virtio_v1_SetFeatures, SetFeatures__Output as _virtio_v1_SetFeatures__Output } from './virtio/v1/SetFeatures.ts';
import type { SetStatus as _virtio_v1_SetStatus, SetStatus__Output as _virtio_v1_SetStatus__Output } from './virtio/v1/SetStatus.ts';
import type { Status as _virtio_v1_Status, Status__Output as _virtio_v1_Status__Output } from './virtio/v1/Status.ts';
import type { Used as _virtio_v1_Used, Used__Output as _virtio_v1_Used__Output } from './virtio/v1/Used.ts';
import type { VirtioClient as _virtio_v1_VirtioClient, VirtioDefinition as _virtio_v1_VirtioDefinition } from './virtio/v1/Virtio.ts';
import type { WriteConfig as _virtio_v1_WriteConfig, WriteConfig__Output as _virtio_v1_WriteConfig__Output } from './virtio/v1/WriteConfig.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  virtio: {
    v1: {
      Ack: MessageTypeDefinition<_virtio_v1_Ack, _virtio_v1_Ack__Output>
      Available: MessageTypeDefinition<_virtio_v1_Available, _virtio_v1_Available__Output>
      Config: MessageTypeDefinition<_virtio_v1_Config, _virtio_v1_Config__Output>
      ConfigWritten: MessageTypeDefinition<_virtio_v1_ConfigWritten, _virtio_v1_ConfigWritten__Output>
      Envelope: MessageTypeDefinition<_virtio_v1_Envelope, _virtio_v1_Envelope__Output>
      Features: MessageTypeDefinition<_virtio_v1_Features, _virtio_v1_Features__Output>
      GetFeatures: MessageTypeDefinition<_virtio_v1_GetFeatures, _virtio_v1_GetFeatures__Output>
      GetStatus: MessageTypeDefinition<_virtio_v1_GetStatus, _virtio_v1_GetStatus__Output>
      Hello: MessageTypeDefinition<_virtio_v1_Hello, _virtio_v1_Hello__Output>
      Interrupt: MessageTypeDefinition<_virtio_v1_Interrupt, _virtio_v1_Interrupt__Output>
      InterruptSource: EnumTypeDefinition
      Memory: MessageTypeDefinition<_virtio_v1_Memory, _virtio_v1_Memory__Output>
      PciRead: MessageTypeDefinition<_virtio_v1_PciRead, _virtio_v1_PciRead__Output>
      PciReadResult: MessageTypeDefinition<_virtio_v1_PciReadResult, _virtio_v1_PciReadResult__Output>
      PciWrite: MessageTypeDefinition<_virtio_v1_PciWrite, _virtio_v1_PciWrite__Output>
      PciWriteDone: MessageTypeDefinition<_virtio_v1_PciWriteDone, _virtio_v1_PciWriteDone__Output>
      PostedWrite: MessageTypeDefinition<_virtio_v1_PostedWrite, _virtio_v1_PostedWrite__Output>
      ReadConfig: MessageTypeDefinition<_virtio_v1_ReadConfig, _virtio_v1_ReadConfig__Output>
      Rejected: MessageTypeDefinition<_virtio_v1_Rejected, _virtio_v1_Rejected__Output>
      SetFeatures: MessageTypeDefinition<_virtio_v1_SetFeatures, _virtio_v1_SetFeatures__Output>
      SetStatus: MessageTypeDefinition<_virtio_v1_SetStatus, _virtio_v1_SetStatus__Output>
      Status: MessageTypeDefinition<_virtio_v1_Status, _virtio_v1_Status__Output>
      Used: MessageTypeDefinition<_virtio_v1_Used, _virtio_v1_Used__Output>
      Virtio: SubtypeConstructor<typeof grpc.Client, _virtio_v1_VirtioClient> & { service: _virtio_v1_VirtioDefinition }
      WriteConfig: MessageTypeDefinition<_virtio_v1_WriteConfig, _virtio_v1_WriteConfig__Output>
    }
  }
}

