import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Ack as _smmu_v1_Ack, Ack__Output as _smmu_v1_Ack__Output } from './smmu/v1/Ack.ts';
import type { ConfigWrite as _smmu_v1_ConfigWrite, ConfigWrite__Output as _smmu_v1_ConfigWrite__Output } from './smmu/v1/ConfigWrite.ts';
import type { ConfigWriteDone as _smmu_v1_ConfigWriteDone, ConfigWriteDone__Output as _smmu_v1_ConfigWriteDone__Output } from './smmu/v1/ConfigWriteDone.ts';
import type { Envelope as _smmu_v1_Envelope, Envelope__Output as _smmu_v1_Envelope__Output } from './smmu/v1/Envelope.ts';
import type { Hello as _smmu_v1_Hello, Hello__Output as _smmu_v1_Hello__Output } from './smmu/v1/Hello.ts';
import type { Interrupt as _smmu_v1_Interrupt, Interrupt__Output as _smmu_v1_Interrupt__Output } from './smmu/v1/Interrupt.ts';
import type { Memory as _smmu_v1_Memory, Memory__Output as _smmu_v1_Memory__Output } from './smmu/v1/Memory.ts';
import type { MmioRead as _smmu_v1_MmioRead, MmioRead__Output as _smmu_v1_MmioRead__Output } from './smmu/v1/MmioRead.ts';
import type { MmioReadResult as _smmu_v1_MmioReadResult, MmioReadResult__Output as _smmu_v1_MmioReadResult__Output } from './smmu/v1/MmioReadResult.ts';
import type { MmioWrite as _smmu_v1_MmioWrite, MmioWrite__Output as _smmu_v1_MmioWrite__Output } from './smmu/v1/MmioWrite.ts';
import type { PostedWrite as _smmu_v1_PostedWrite, PostedWrite__Output as _smmu_v1_PostedWrite__Output } from './smmu/v1/PostedWrite.ts';
import type { Power as _smmu_v1_Power, Power__Output as _smmu_v1_Power__Output } from './smmu/v1/Power.ts';
import type { PowerDone as _smmu_v1_PowerDone, PowerDone__Output as _smmu_v1_PowerDone__Output } from './smmu/v1/PowerDone.ts';
import type { Rejected as _smmu_v1_Rejected, Rejected__Output as _smmu_v1_Rejected__Output } from './smmu/v1/Rejected.ts';
import type { SmmuClient as _smmu_v1_SmmuClient, SmmuDefinition as _smmu_v1_SmmuDefinition } from './smmu/v1/Smmu.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  smmu: {
    v1: {
      Ack: MessageTypeDefinition<_smmu_v1_Ack, _smmu_v1_Ack__Output>
      ConfigWrite: MessageTypeDefinition<_smmu_v1_ConfigWrite, _smmu_v1_ConfigWrite__Output>
      ConfigWriteDone: MessageTypeDefinition<_smmu_v1_ConfigWriteDone, _smmu_v1_ConfigWriteDone__Output>
      Envelope: MessageTypeDefinition<_smmu_v1_Envelope, _smmu_v1_Envelope__Output>
      Hello: MessageTypeDefinition<_smmu_v1_Hello, _smmu_v1_Hello__Output>
      Interrupt: MessageTypeDefinition<_smmu_v1_Interrupt, _smmu_v1_Interrupt__Output>
      InterruptSource: EnumTypeDefinition
      Memory: MessageTypeDefinition<_smmu_v1_Memory, _smmu_v1_Memory__Output>
      MmioRead: MessageTypeDefinition<_smmu_v1_MmioRead, _smmu_v1_MmioRead__Output>
      MmioReadResult: MessageTypeDefinition<_smmu_v1_MmioReadResult, _smmu_v1_MmioReadResult__Output>
      MmioWrite: MessageTypeDefinition<_smmu_v1_MmioWrite, _smmu_v1_MmioWrite__Output>
      PostedWrite: MessageTypeDefinition<_smmu_v1_PostedWrite, _smmu_v1_PostedWrite__Output>
      Power: MessageTypeDefinition<_smmu_v1_Power, _smmu_v1_Power__Output>
      PowerAction: EnumTypeDefinition
      PowerDone: MessageTypeDefinition<_smmu_v1_PowerDone, _smmu_v1_PowerDone__Output>
      Rejected: MessageTypeDefinition<_smmu_v1_Rejected, _smmu_v1_Rejected__Output>
      Smmu: SubtypeConstructor<typeof grpc.Client, _smmu_v1_SmmuClient> & { service: _smmu_v1_SmmuDefinition }
    }
  }
}

