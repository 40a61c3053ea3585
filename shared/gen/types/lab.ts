import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ArmReply as _lab_v1_ArmReply, ArmReply__Output as _lab_v1_ArmReply__Output } from './lab/v1/ArmReply.ts';
import type { ArmRequest as _lab_v1_ArmRequest, ArmRequest__Output as _lab_v1_ArmRequest__Output } from './lab/v1/ArmRequest.ts';
import type { CompleteInvalidation as _lab_v1_CompleteInvalidation, CompleteInvalidation__Output as _lab_v1_CompleteInvalidation__Output } from './lab/v1/CompleteInvalidation.ts';
import type { CompleteInvalidationOutcome as _lab_v1_CompleteInvalidationOutcome, CompleteInvalidationOutcome__Output as _lab_v1_CompleteInvalidationOutcome__Output } from './lab/v1/CompleteInvalidationOutcome.ts';
import type { CutReply as _lab_v1_CutReply, CutReply__Output as _lab_v1_CutReply__Output } from './lab/v1/CutReply.ts';
import type { CutRequest as _lab_v1_CutRequest, CutRequest__Output as _lab_v1_CutRequest__Output } from './lab/v1/CutRequest.ts';
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
import type { FiredReply as _lab_v1_FiredReply, FiredReply__Output as _lab_v1_FiredReply__Output } from './lab/v1/FiredReply.ts';
import type { FiredRequest as _lab_v1_FiredRequest, FiredRequest__Output as _lab_v1_FiredRequest__Output } from './lab/v1/FiredRequest.ts';
import type { Flood as _lab_v1_Flood, Flood__Output as _lab_v1_Flood__Output } from './lab/v1/Flood.ts';
import type { FlushReply as _lab_v1_FlushReply, FlushReply__Output as _lab_v1_FlushReply__Output } from './lab/v1/FlushReply.ts';
import type { FlushRequest as _lab_v1_FlushRequest, FlushRequest__Output as _lab_v1_FlushRequest__Output } from './lab/v1/FlushRequest.ts';
import type { FunctionLevelReset as _lab_v1_FunctionLevelReset, FunctionLevelReset__Output as _lab_v1_FunctionLevelReset__Output } from './lab/v1/FunctionLevelReset.ts';
import type { FunctionState as _lab_v1_FunctionState, FunctionState__Output as _lab_v1_FunctionState__Output } from './lab/v1/FunctionState.ts';
import type { HeardReply as _lab_v1_HeardReply, HeardReply__Output as _lab_v1_HeardReply__Output } from './lab/v1/HeardReply.ts';
import type { HeardRequest as _lab_v1_HeardRequest, HeardRequest__Output as _lab_v1_HeardRequest__Output } from './lab/v1/HeardRequest.ts';
import type { InvalidateRequest as _lab_v1_InvalidateRequest, InvalidateRequest__Output as _lab_v1_InvalidateRequest__Output } from './lab/v1/InvalidateRequest.ts';
import type { LabClient as _lab_v1_LabClient, LabDefinition as _lab_v1_LabDefinition } from './lab/v1/Lab.ts';
import type { Link as _lab_v1_Link, Link__Output as _lab_v1_Link__Output } from './lab/v1/Link.ts';
import type { MarkReply as _lab_v1_MarkReply, MarkReply__Output as _lab_v1_MarkReply__Output } from './lab/v1/MarkReply.ts';
import type { MarkRequest as _lab_v1_MarkRequest, MarkRequest__Output as _lab_v1_MarkRequest__Output } from './lab/v1/MarkRequest.ts';
import type { PageRequest as _lab_v1_PageRequest, PageRequest__Output as _lab_v1_PageRequest__Output } from './lab/v1/PageRequest.ts';
import type { PageRequestOutcome as _lab_v1_PageRequestOutcome, PageRequestOutcome__Output as _lab_v1_PageRequestOutcome__Output } from './lab/v1/PageRequestOutcome.ts';
import type { PointCount as _lab_v1_PointCount, PointCount__Output as _lab_v1_PointCount__Output } from './lab/v1/PointCount.ts';
import type { PointsReply as _lab_v1_PointsReply, PointsReply__Output as _lab_v1_PointsReply__Output } from './lab/v1/PointsReply.ts';
import type { PointsRequest as _lab_v1_PointsRequest, PointsRequest__Output as _lab_v1_PointsRequest__Output } from './lab/v1/PointsRequest.ts';
import type { PrgResponse as _lab_v1_PrgResponse, PrgResponse__Output as _lab_v1_PrgResponse__Output } from './lab/v1/PrgResponse.ts';
import type { Program as _lab_v1_Program, Program__Output as _lab_v1_Program__Output } from './lab/v1/Program.ts';
import type { Progress as _lab_v1_Progress, Progress__Output as _lab_v1_Progress__Output } from './lab/v1/Progress.ts';
import type { QueueResult as _lab_v1_QueueResult, QueueResult__Output as _lab_v1_QueueResult__Output } from './lab/v1/QueueResult.ts';
import type { ReadMemoryReply as _lab_v1_ReadMemoryReply, ReadMemoryReply__Output as _lab_v1_ReadMemoryReply__Output } from './lab/v1/ReadMemoryReply.ts';
import type { ReadMemoryRequest as _lab_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _lab_v1_ReadMemoryRequest__Output } from './lab/v1/ReadMemoryRequest.ts';
import type { ReadyReply as _lab_v1_ReadyReply, ReadyReply__Output as _lab_v1_ReadyReply__Output } from './lab/v1/ReadyReply.ts';
import type { ReadyRequest as _lab_v1_ReadyRequest, ReadyRequest__Output as _lab_v1_ReadyRequest__Output } from './lab/v1/ReadyRequest.ts';
import type { Received as _lab_v1_Received, Received__Output as _lab_v1_Received__Output } from './lab/v1/Received.ts';
import type { ReceivedOutcome as _lab_v1_ReceivedOutcome, ReceivedOutcome__Output as _lab_v1_ReceivedOutcome__Output } from './lab/v1/ReceivedOutcome.ts';
import type { ReleaseReply as _lab_v1_ReleaseReply, ReleaseReply__Output as _lab_v1_ReleaseReply__Output } from './lab/v1/ReleaseReply.ts';
import type { ReleaseRequest as _lab_v1_ReleaseRequest, ReleaseRequest__Output as _lab_v1_ReleaseRequest__Output } from './lab/v1/ReleaseRequest.ts';
import type { Rule as _lab_v1_Rule, Rule__Output as _lab_v1_Rule__Output } from './lab/v1/Rule.ts';
import type { RuleCount as _lab_v1_RuleCount, RuleCount__Output as _lab_v1_RuleCount__Output } from './lab/v1/RuleCount.ts';
import type { RunWorkloadReply as _lab_v1_RunWorkloadReply, RunWorkloadReply__Output as _lab_v1_RunWorkloadReply__Output } from './lab/v1/RunWorkloadReply.ts';
import type { RunWorkloadRequest as _lab_v1_RunWorkloadRequest, RunWorkloadRequest__Output as _lab_v1_RunWorkloadRequest__Output } from './lab/v1/RunWorkloadRequest.ts';
import type { StateReply as _lab_v1_StateReply, StateReply__Output as _lab_v1_StateReply__Output } from './lab/v1/StateReply.ts';
import type { StateRequest as _lab_v1_StateRequest, StateRequest__Output as _lab_v1_StateRequest__Output } from './lab/v1/StateRequest.ts';
import type { StopMarker as _lab_v1_StopMarker, StopMarker__Output as _lab_v1_StopMarker__Output } from './lab/v1/StopMarker.ts';
import type { StopReply as _lab_v1_StopReply, StopReply__Output as _lab_v1_StopReply__Output } from './lab/v1/StopReply.ts';
import type { StopRequest as _lab_v1_StopRequest, StopRequest__Output as _lab_v1_StopRequest__Output } from './lab/v1/StopRequest.ts';
import type { TraceBatch as _lab_v1_TraceBatch, TraceBatch__Output as _lab_v1_TraceBatch__Output } from './lab/v1/TraceBatch.ts';
import type { TraceRequest as _lab_v1_TraceRequest, TraceRequest__Output as _lab_v1_TraceRequest__Output } from './lab/v1/TraceRequest.ts';
import type { Translate as _lab_v1_Translate, Translate__Output as _lab_v1_Translate__Output } from './lab/v1/Translate.ts';
import type { TranslateOutcome as _lab_v1_TranslateOutcome, TranslateOutcome__Output as _lab_v1_TranslateOutcome__Output } from './lab/v1/TranslateOutcome.ts';
import type { TranslatedDma as _lab_v1_TranslatedDma, TranslatedDma__Output as _lab_v1_TranslatedDma__Output } from './lab/v1/TranslatedDma.ts';
import type { TranslationEntry as _lab_v1_TranslationEntry, TranslationEntry__Output as _lab_v1_TranslationEntry__Output } from './lab/v1/TranslationEntry.ts';
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
      CompleteInvalidation: MessageTypeDefinition<_lab_v1_CompleteInvalidation, _lab_v1_CompleteInvalidation__Output>
      CompleteInvalidationOutcome: MessageTypeDefinition<_lab_v1_CompleteInvalidationOutcome, _lab_v1_CompleteInvalidationOutcome__Output>
      CutReply: MessageTypeDefinition<_lab_v1_CutReply, _lab_v1_CutReply__Output>
      CutRequest: MessageTypeDefinition<_lab_v1_CutRequest, _lab_v1_CutRequest__Output>
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
      FiredReply: MessageTypeDefinition<_lab_v1_FiredReply, _lab_v1_FiredReply__Output>
      FiredRequest: MessageTypeDefinition<_lab_v1_FiredRequest, _lab_v1_FiredRequest__Output>
      Flood: MessageTypeDefinition<_lab_v1_Flood, _lab_v1_Flood__Output>
      FlushReply: MessageTypeDefinition<_lab_v1_FlushReply, _lab_v1_FlushReply__Output>
      FlushRequest: MessageTypeDefinition<_lab_v1_FlushRequest, _lab_v1_FlushRequest__Output>
      FunctionLevelReset: MessageTypeDefinition<_lab_v1_FunctionLevelReset, _lab_v1_FunctionLevelReset__Output>
      FunctionState: MessageTypeDefinition<_lab_v1_FunctionState, _lab_v1_FunctionState__Output>
      HeardReply: MessageTypeDefinition<_lab_v1_HeardReply, _lab_v1_HeardReply__Output>
      HeardRequest: MessageTypeDefinition<_lab_v1_HeardRequest, _lab_v1_HeardRequest__Output>
      InvalidateRequest: MessageTypeDefinition<_lab_v1_InvalidateRequest, _lab_v1_InvalidateRequest__Output>
      Lab: SubtypeConstructor<typeof grpc.Client, _lab_v1_LabClient> & { service: _lab_v1_LabDefinition }
      Link: MessageTypeDefinition<_lab_v1_Link, _lab_v1_Link__Output>
      MarkReply: MessageTypeDefinition<_lab_v1_MarkReply, _lab_v1_MarkReply__Output>
      MarkRequest: MessageTypeDefinition<_lab_v1_MarkRequest, _lab_v1_MarkRequest__Output>
      PageRequest: MessageTypeDefinition<_lab_v1_PageRequest, _lab_v1_PageRequest__Output>
      PageRequestOutcome: MessageTypeDefinition<_lab_v1_PageRequestOutcome, _lab_v1_PageRequestOutcome__Output>
      PointCount: MessageTypeDefinition<_lab_v1_PointCount, _lab_v1_PointCount__Output>
      PointsReply: MessageTypeDefinition<_lab_v1_PointsReply, _lab_v1_PointsReply__Output>
      PointsRequest: MessageTypeDefinition<_lab_v1_PointsRequest, _lab_v1_PointsRequest__Output>
      PrgResponse: MessageTypeDefinition<_lab_v1_PrgResponse, _lab_v1_PrgResponse__Output>
      Program: MessageTypeDefinition<_lab_v1_Program, _lab_v1_Program__Output>
      Progress: MessageTypeDefinition<_lab_v1_Progress, _lab_v1_Progress__Output>
      QueueResult: MessageTypeDefinition<_lab_v1_QueueResult, _lab_v1_QueueResult__Output>
      ReadMemoryReply: MessageTypeDefinition<_lab_v1_ReadMemoryReply, _lab_v1_ReadMemoryReply__Output>
      ReadMemoryRequest: MessageTypeDefinition<_lab_v1_ReadMemoryRequest, _lab_v1_ReadMemoryRequest__Output>
      ReadyReply: MessageTypeDefinition<_lab_v1_ReadyReply, _lab_v1_ReadyReply__Output>
      ReadyRequest: MessageTypeDefinition<_lab_v1_ReadyRequest, _lab_v1_ReadyRequest__Output>
      Received: MessageTypeDefinition<_lab_v1_Received, _lab_v1_Received__Output>
      ReceivedOutcome: MessageTypeDefinition<_lab_v1_ReceivedOutcome, _lab_v1_ReceivedOutcome__Output>
      ReleaseReply: MessageTypeDefinition<_lab_v1_ReleaseReply, _lab_v1_ReleaseReply__Output>
      ReleaseRequest: MessageTypeDefinition<_lab_v1_ReleaseRequest, _lab_v1_ReleaseRequest__Output>
      Rule: MessageTypeDefinition<_lab_v1_Rule, _lab_v1_Rule__Output>
      RuleCount: MessageTypeDefinition<_lab_v1_RuleCount, _lab_v1_RuleCount__Output>
      RunWorkloadReply: MessageTypeDefinition<_lab_v1_RunWorkloadReply, _lab_v1_RunWorkloadReply__Output>
      RunWorkloadRequest: MessageTypeDefinition<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadRequest__Output>
      StateReply: MessageTypeDefinition<_lab_v1_StateReply, _lab_v1_StateReply__Output>
      StateRequest: MessageTypeDefinition<_lab_v1_StateRequest, _lab_v1_StateRequest__Output>
      StopMarker: MessageTypeDefinition<_lab_v1_StopMarker, _lab_v1_StopMarker__Output>
      StopReply: MessageTypeDefinition<_lab_v1_StopReply, _lab_v1_StopReply__Output>
      StopRequest: MessageTypeDefinition<_lab_v1_StopRequest, _lab_v1_StopRequest__Output>
      TraceBatch: MessageTypeDefinition<_lab_v1_TraceBatch, _lab_v1_TraceBatch__Output>
      TraceRequest: MessageTypeDefinition<_lab_v1_TraceRequest, _lab_v1_TraceRequest__Output>
      Translate: MessageTypeDefinition<_lab_v1_Translate, _lab_v1_Translate__Output>
      TranslateOutcome: MessageTypeDefinition<_lab_v1_TranslateOutcome, _lab_v1_TranslateOutcome__Output>
      TranslatedDma: MessageTypeDefinition<_lab_v1_TranslatedDma, _lab_v1_TranslatedDma__Output>
      TranslationEntry: MessageTypeDefinition<_lab_v1_TranslationEntry, _lab_v1_TranslationEntry__Output>
      Workload: MessageTypeDefinition<_lab_v1_Workload, _lab_v1_Workload__Output>
      WorkloadResult: MessageTypeDefinition<_lab_v1_WorkloadResult, _lab_v1_WorkloadResult__Output>
    }
  }
}

