import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ArmReply as _lab_v1_ArmReply, ArmReply__Output as _lab_v1_ArmReply__Output } from './lab/v1/ArmReply.ts';
import type { ArmRequest as _lab_v1_ArmRequest, ArmRequest__Output as _lab_v1_ArmRequest__Output } from './lab/v1/ArmRequest.ts';
import type { Dma as _lab_v1_Dma, Dma__Output as _lab_v1_Dma__Output } from './lab/v1/Dma.ts';
import type { DmaOutcome as _lab_v1_DmaOutcome, DmaOutcome__Output as _lab_v1_DmaOutcome__Output } from './lab/v1/DmaOutcome.ts';
import type { DoReply as _lab_v1_DoReply, DoReply__Output as _lab_v1_DoReply__Output } from './lab/v1/DoReply.ts';
import type { DoRequest as _lab_v1_DoRequest, DoRequest__Output as _lab_v1_DoRequest__Output } from './lab/v1/DoRequest.ts';
import type { EndpointClient as _lab_v1_EndpointClient, EndpointDefinition as _lab_v1_EndpointDefinition } from './lab/v1/Endpoint.ts';
import type { EndpointAction as _lab_v1_EndpointAction, EndpointAction__Output as _lab_v1_EndpointAction__Output } from './lab/v1/EndpointAction.ts';
import type { EndpointOutcome as _lab_v1_EndpointOutcome, EndpointOutcome__Output as _lab_v1_EndpointOutcome__Output } from './lab/v1/EndpointOutcome.ts';
import type { EndpointResetReply as _lab_v1_EndpointResetReply, EndpointResetReply__Output as _lab_v1_EndpointResetReply__Output } from './lab/v1/EndpointResetReply.ts';
import type { EndpointResetRequest as _lab_v1_EndpointResetRequest, EndpointResetRequest__Output as _lab_v1_EndpointResetRequest__Output } from './lab/v1/EndpointResetRequest.ts';
import type { FilePiece as _lab_v1_FilePiece, FilePiece__Output as _lab_v1_FilePiece__Output } from './lab/v1/FilePiece.ts';
import type { FlushReply as _lab_v1_FlushReply, FlushReply__Output as _lab_v1_FlushReply__Output } from './lab/v1/FlushReply.ts';
import type { FlushRequest as _lab_v1_FlushRequest, FlushRequest__Output as _lab_v1_FlushRequest__Output } from './lab/v1/FlushRequest.ts';
import type { LabClient as _lab_v1_LabClient, LabDefinition as _lab_v1_LabDefinition } from './lab/v1/Lab.ts';
import type { MarkReply as _lab_v1_MarkReply, MarkReply__Output as _lab_v1_MarkReply__Output } from './lab/v1/MarkReply.ts';
import type { MarkRequest as _lab_v1_MarkRequest, MarkRequest__Output as _lab_v1_MarkRequest__Output } from './lab/v1/MarkRequest.ts';
import type { Program as _lab_v1_Program, Program__Output as _lab_v1_Program__Output } from './lab/v1/Program.ts';
import type { Progress as _lab_v1_Progress, Progress__Output as _lab_v1_Progress__Output } from './lab/v1/Progress.ts';
import type { QueueResult as _lab_v1_QueueResult, QueueResult__Output as _lab_v1_QueueResult__Output } from './lab/v1/QueueResult.ts';
import type { ReadMemoryReply as _lab_v1_ReadMemoryReply, ReadMemoryReply__Output as _lab_v1_ReadMemoryReply__Output } from './lab/v1/ReadMemoryReply.ts';
import type { ReadMemoryRequest as _lab_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _lab_v1_ReadMemoryRequest__Output } from './lab/v1/ReadMemoryRequest.ts';
import type { ReadyReply as _lab_v1_ReadyReply, ReadyReply__Output as _lab_v1_ReadyReply__Output } from './lab/v1/ReadyReply.ts';
import type { ReadyRequest as _lab_v1_ReadyRequest, ReadyRequest__Output as _lab_v1_ReadyRequest__Output } from './lab/v1/ReadyRequest.ts';
import type { ReleaseReply as _lab_v1_ReleaseReply, ReleaseReply__Output as _lab_v1_ReleaseReply__Output } from './lab/v1/ReleaseReply.ts';
import type { ReleaseRequest as _lab_v1_ReleaseRequest, ReleaseRequest__Output as _lab_v1_ReleaseRequest__Output } from './lab/v1/ReleaseRequest.ts';
import type { Rule as _lab_v1_Rule, Rule__Output as _lab_v1_Rule__Output } from './lab/v1/Rule.ts';
import type { RunWorkloadReply as _lab_v1_RunWorkloadReply, RunWorkloadReply__Output as _lab_v1_RunWorkloadReply__Output } from './lab/v1/RunWorkloadReply.ts';
import type { RunWorkloadRequest as _lab_v1_RunWorkloadRequest, RunWorkloadRequest__Output as _lab_v1_RunWorkloadRequest__Output } from './lab/v1/RunWorkloadRequest.ts';
import type { StateReply as _lab_v1_StateReply, StateReply__Output as _lab_v1_StateReply__Output } from './lab/v1/StateReply.ts';
import type { StateRequest as _lab_v1_StateRequest, StateRequest__Output as _lab_v1_StateRequest__Output } from './lab/v1/StateRequest.ts';
import type { StopReply as _lab_v1_StopReply, StopReply__Output as _lab_v1_StopReply__Output } from './lab/v1/StopReply.ts';
import type { StopRequest as _lab_v1_StopRequest, StopRequest__Output as _lab_v1_StopRequest__Output } from './lab/v1/StopRequest.ts';
import type { TraceBatch as _lab_v1_TraceBatch, TraceBatch__Output as _lab_v1_TraceBatch__Output } from './lab/v1/TraceBatch.ts';
import type { TraceRequest as _lab_v1_TraceRequest, TraceRequest__Output as _lab_v1_TraceRequest__Output } from './lab/v1/TraceRequest.ts';
import type { Workload as _lab_v1_Workload, Workload__Output as _lab_v1_Workload__Output } from './lab/v1/Workload.ts';
import type { WorkloadResult as _lab_v1_WorkloadResult, WorkloadResult__Output as _lab_v1_WorkloadResult__Output } from './lab/v1/WorkloadResult.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  lab: {
    v1: {
      ArmReply: MessageTypeDefinition<_lab_v1_ArmReply, _lab_v1_ArmReply__Output>
      ArmRequest: MessageTypeDefinition<_lab_v1_ArmRequest, _lab_v1_ArmRequest__Output>
      Dma: MessageTypeDefinition<_lab_v1_Dma, _lab_v1_Dma__Output>
      DmaOutcome: MessageTypeDefinition<_lab_v1_DmaOutcome, _lab_v1_DmaOutcome__Output>
      DoReply: MessageTypeDefinition<_lab_v1_DoReply, _lab_v1_DoReply__Output>
      DoRequest: MessageTypeDefinition<_lab_v1_DoRequest, _lab_v1_DoRequest__Output>
      Endpoint: SubtypeConstructor<typeof grpc.Client, _lab_v1_EndpointClient> & { service: _lab_v1_EndpointDefinition }
      EndpointAction: MessageTypeDefinition<_lab_v1_EndpointAction, _lab_v1_EndpointAction__Output>
      EndpointOutcome: MessageTypeDefinition<_lab_v1_EndpointOutcome, _lab_v1_EndpointOutcome__Output>
      EndpointResetReply: MessageTypeDefinition<_lab_v1_EndpointResetReply, _lab_v1_EndpointResetReply__Output>
      EndpointResetRequest: MessageTypeDefinition<_lab_v1_EndpointResetRequest, _lab_v1_EndpointResetRequest__Output>
      FilePiece: MessageTypeDefinition<_lab_v1_FilePiece, _lab_v1_FilePiece__Output>
      FlushReply: MessageTypeDefinition<_lab_v1_FlushReply, _lab_v1_FlushReply__Output>
      FlushRequest: MessageTypeDefinition<_lab_v1_FlushRequest, _lab_v1_FlushRequest__Output>
      Lab: SubtypeConstructor<typeof grpc.Client, _lab_v1_LabClient> & { service: _lab_v1_LabDefinition }
      MarkReply: MessageTypeDefinition<_lab_v1_MarkReply, _lab_v1_MarkReply__Output>
      MarkRequest: MessageTypeDefinition<_lab_v1_MarkRequest, _lab_v1_MarkRequest__Output>
      Program: MessageTypeDefinition<_lab_v1_Program, _lab_v1_Program__Output>
      Progress: MessageTypeDefinition<_lab_v1_Progress, _lab_v1_Progress__Output>
      QueueResult: MessageTypeDefinition<_lab_v1_QueueResult, _lab_v1_QueueResult__Output>
      ReadMemoryReply: MessageTypeDefinition<_lab_v1_ReadMemoryReply, _lab_v1_ReadMemoryReply__Output>
      ReadMemoryRequest: MessageTypeDefinition<_lab_v1_ReadMemoryRequest, _lab_v1_ReadMemoryRequest__Output>
      ReadyReply: MessageTypeDefinition<_lab_v1_ReadyReply, _lab_v1_ReadyReply__Output>
      ReadyRequest: MessageTypeDefinition<_lab_v1_ReadyRequest, _lab_v1_ReadyRequest__Output>
      ReleaseReply: MessageTypeDefinition<_lab_v1_ReleaseReply, _lab_v1_ReleaseReply__Output>
      ReleaseRequest: MessageTypeDefinition<_lab_v1_ReleaseRequest, _lab_v1_ReleaseRequest__Output>
      Rule: MessageTypeDefinition<_lab_v1_Rule, _lab_v1_Rule__Output>
      RunWorkloadReply: MessageTypeDefinition<_lab_v1_RunWorkloadReply, _lab_v1_RunWorkloadReply__Output>
      RunWorkloadRequest: MessageTypeDefinition<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadRequest__Output>
      StateReply: MessageTypeDefinition<_lab_v1_StateReply, _lab_v1_StateReply__Output>
      StateRequest: MessageTypeDefinition<_lab_v1_StateRequest, _lab_v1_StateRequest__Output>
      StopReply: MessageTypeDefinition<_lab_v1_StopReply, _lab_v1_StopReply__Output>
      StopRequest: MessageTypeDefinition<_lab_v1_StopRequest, _lab_v1_StopRequest__Output>
      TraceBatch: MessageTypeDefinition<_lab_v1_TraceBatch, _lab_v1_TraceBatch__Output>
      TraceRequest: MessageTypeDefinition<_lab_v1_TraceRequest, _lab_v1_TraceRequest__Output>
      Workload: MessageTypeDefinition<_lab_v1_Workload, _lab_v1_Workload__Output>
      WorkloadResult: MessageTypeDefinition<_lab_v1_WorkloadResult, _lab_v1_WorkloadResult__Output>
    }
  }
}

