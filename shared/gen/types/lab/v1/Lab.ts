// Original file: proto/lab/v1/lab.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ArmReply as _lab_v1_ArmReply, ArmReply__Output as _lab_v1_ArmReply__Output } from '../../lab/v1/ArmReply.ts';
import type { ArmRequest as _lab_v1_ArmRequest, ArmRequest__Output as _lab_v1_ArmRequest__Output } from '../../lab/v1/ArmRequest.ts';
import type { CutReply as _lab_v1_CutReply, CutReply__Output as _lab_v1_CutReply__Output } from '../../lab/v1/CutReply.ts';
import type { CutRequest as _lab_v1_CutRequest, CutRequest__Output as _lab_v1_CutRequest__Output } from '../../lab/v1/CutRequest.ts';
import type { FiredReply as _lab_v1_FiredReply, FiredReply__Output as _lab_v1_FiredReply__Output } from '../../lab/v1/FiredReply.ts';
import type { FiredRequest as _lab_v1_FiredRequest, FiredRequest__Output as _lab_v1_FiredRequest__Output } from '../../lab/v1/FiredRequest.ts';
import type { FlushReply as _lab_v1_FlushReply, FlushReply__Output as _lab_v1_FlushReply__Output } from '../../lab/v1/FlushReply.ts';
import type { FlushRequest as _lab_v1_FlushRequest, FlushRequest__Output as _lab_v1_FlushRequest__Output } from '../../lab/v1/FlushRequest.ts';
import type { HeardReply as _lab_v1_HeardReply, HeardReply__Output as _lab_v1_HeardReply__Output } from '../../lab/v1/HeardReply.ts';
import type { HeardRequest as _lab_v1_HeardRequest, HeardRequest__Output as _lab_v1_HeardRequest__Output } from '../../lab/v1/HeardRequest.ts';
import type { MarkReply as _lab_v1_MarkReply, MarkReply__Output as _lab_v1_MarkReply__Output } from '../../lab/v1/MarkReply.ts';
import type { MarkRequest as _lab_v1_MarkRequest, MarkRequest__Output as _lab_v1_MarkRequest__Output } from '../../lab/v1/MarkRequest.ts';
import type { PointsReply as _lab_v1_PointsReply, PointsReply__Output as _lab_v1_PointsReply__Output } from '../../lab/v1/PointsReply.ts';
import type { PointsRequest as _lab_v1_PointsRequest, PointsRequest__Output as _lab_v1_PointsRequest__Output } from '../../lab/v1/PointsRequest.ts';
import type { ReadyReply as _lab_v1_ReadyReply, ReadyReply__Output as _lab_v1_ReadyReply__Output } from '../../lab/v1/ReadyReply.ts';
import type { ReadyRequest as _lab_v1_ReadyRequest, ReadyRequest__Output as _lab_v1_ReadyRequest__Output } from '../../lab/v1/ReadyRequest.ts';
import type { ReleaseReply as _lab_v1_ReleaseReply, ReleaseReply__Output as _lab_v1_ReleaseReply__Output } from '../../lab/v1/ReleaseReply.ts';
import type { ReleaseRequest as _lab_v1_ReleaseRequest, ReleaseRequest__Output as _lab_v1_ReleaseRequest__Output } from '../../lab/v1/ReleaseRequest.ts';
import type { RunWorkloadReply as _lab_v1_RunWorkloadReply, RunWorkloadReply__Output as _lab_v1_RunWorkloadReply__Output } from '../../lab/v1/RunWorkloadReply.ts';
import type { RunWorkloadRequest as _lab_v1_RunWorkloadRequest, RunWorkloadRequest__Output as _lab_v1_RunWorkloadRequest__Output } from '../../lab/v1/RunWorkloadRequest.ts';
import type { StateReply as _lab_v1_StateReply, StateReply__Output as _lab_v1_StateReply__Output } from '../../lab/v1/StateReply.ts';
import type { StateRequest as _lab_v1_StateRequest, StateRequest__Output as _lab_v1_StateRequest__Output } from '../../lab/v1/StateRequest.ts';
import type { StopReply as _lab_v1_StopReply, StopReply__Output as _lab_v1_StopReply__Output } from '../../lab/v1/StopReply.ts';
import type { StopRequest as _lab_v1_StopRequest, StopRequest__Output as _lab_v1_StopRequest__Output } from '../../lab/v1/StopRequest.ts';
import type { TraceBatch as _lab_v1_TraceBatch, TraceBatch__Output as _lab_v1_TraceBatch__Output } from '../../lab/v1/TraceBatch.ts';
import type { TraceRequest as _lab_v1_TraceRequest, TraceRequest__Output as _lab_v1_TraceRequest__Output } from '../../lab/v1/TraceRequest.ts';

export interface LabClient extends grpc.Client {
  Arm(argument: _lab_v1_ArmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  Arm(argument: _lab_v1_ArmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  Arm(argument: _lab_v1_ArmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  Arm(argument: _lab_v1_ArmRequest, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  arm(argument: _lab_v1_ArmRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  arm(argument: _lab_v1_ArmRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  arm(argument: _lab_v1_ArmRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  arm(argument: _lab_v1_ArmRequest, callback: grpc.requestCallback<_lab_v1_ArmReply__Output>): grpc.ClientUnaryCall;
  
  Cut(argument: _lab_v1_CutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  Cut(argument: _lab_v1_CutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  Cut(argument: _lab_v1_CutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  Cut(argument: _lab_v1_CutRequest, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  cut(argument: _lab_v1_CutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  cut(argument: _lab_v1_CutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  cut(argument: _lab_v1_CutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  cut(argument: _lab_v1_CutRequest, callback: grpc.requestCallback<_lab_v1_CutReply__Output>): grpc.ClientUnaryCall;
  
  Fired(argument: _lab_v1_FiredRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  Fired(argument: _lab_v1_FiredRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  Fired(argument: _lab_v1_FiredRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  Fired(argument: _lab_v1_FiredRequest, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  fired(argument: _lab_v1_FiredRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  fired(argument: _lab_v1_FiredRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  fired(argument: _lab_v1_FiredRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  fired(argument: _lab_v1_FiredRequest, callback: grpc.requestCallback<_lab_v1_FiredReply__Output>): grpc.ClientUnaryCall;
  
  Flush(argument: _lab_v1_FlushRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  Flush(argument: _lab_v1_FlushRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  Flush(argument: _lab_v1_FlushRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  Flush(argument: _lab_v1_FlushRequest, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  flush(argument: _lab_v1_FlushRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  flush(argument: _lab_v1_FlushRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  flush(argument: _lab_v1_FlushRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  flush(argument: _lab_v1_FlushRequest, callback: grpc.requestCallback<_lab_v1_FlushReply__Output>): grpc.ClientUnaryCall;
  
  Heard(argument: _lab_v1_HeardRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  Heard(argument: _lab_v1_HeardRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  Heard(argument: _lab_v1_HeardRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  Heard(argument: _lab_v1_HeardRequest, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  heard(argument: _lab_v1_HeardRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  heard(argument: _lab_v1_HeardRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  heard(argument: _lab_v1_HeardRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  heard(argument: _lab_v1_HeardRequest, callback: grpc.requestCallback<_lab_v1_HeardReply__Output>): grpc.ClientUnaryCall;
  
  Mark(argument: _lab_v1_MarkRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  Mark(argument: _lab_v1_MarkRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  Mark(argument: _lab_v1_MarkRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  Mark(argument: _lab_v1_MarkRequest, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  mark(argument: _lab_v1_MarkRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  mark(argument: _lab_v1_MarkRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  mark(argument: _lab_v1_MarkRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  mark(argument: _lab_v1_MarkRequest, callback: grpc.requestCallback<_lab_v1_MarkReply__Output>): grpc.ClientUnaryCall;
  
  Points(argument: _lab_v1_PointsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  Points(argument: _lab_v1_PointsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  Points(argument: _lab_v1_PointsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  Points(argument: _lab_v1_PointsRequest, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  points(argument: _lab_v1_PointsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  points(argument: _lab_v1_PointsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  points(argument: _lab_v1_PointsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  points(argument: _lab_v1_PointsRequest, callback: grpc.requestCallback<_lab_v1_PointsReply__Output>): grpc.ClientUnaryCall;
  
  Ready(argument: _lab_v1_ReadyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  Ready(argument: _lab_v1_ReadyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  Ready(argument: _lab_v1_ReadyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  Ready(argument: _lab_v1_ReadyRequest, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  ready(argument: _lab_v1_ReadyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  ready(argument: _lab_v1_ReadyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  ready(argument: _lab_v1_ReadyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  ready(argument: _lab_v1_ReadyRequest, callback: grpc.requestCallback<_lab_v1_ReadyReply__Output>): grpc.ClientUnaryCall;
  
  Release(argument: _lab_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _lab_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _lab_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  Release(argument: _lab_v1_ReleaseRequest, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _lab_v1_ReleaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _lab_v1_ReleaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _lab_v1_ReleaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  release(argument: _lab_v1_ReleaseRequest, callback: grpc.requestCallback<_lab_v1_ReleaseReply__Output>): grpc.ClientUnaryCall;
  
  RunWorkload(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadReply__Output>;
  RunWorkload(options?: grpc.CallOptions): grpc.ClientDuplexStream<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadReply__Output>;
  runWorkload(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadReply__Output>;
  runWorkload(options?: grpc.CallOptions): grpc.ClientDuplexStream<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadReply__Output>;
  
  State(argument: _lab_v1_StateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  State(argument: _lab_v1_StateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  State(argument: _lab_v1_StateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  State(argument: _lab_v1_StateRequest, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  state(argument: _lab_v1_StateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  state(argument: _lab_v1_StateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  state(argument: _lab_v1_StateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  state(argument: _lab_v1_StateRequest, callback: grpc.requestCallback<_lab_v1_StateReply__Output>): grpc.ClientUnaryCall;
  
  Stop(argument: _lab_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  Stop(argument: _lab_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  Stop(argument: _lab_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  Stop(argument: _lab_v1_StopRequest, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  stop(argument: _lab_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  stop(argument: _lab_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  stop(argument: _lab_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  stop(argument: _lab_v1_StopRequest, callback: grpc.requestCallback<_lab_v1_StopReply__Output>): grpc.ClientUnaryCall;
  
  Trace(argument: _lab_v1_TraceRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_lab_v1_TraceBatch__Output>;
  Trace(argument: _lab_v1_TraceRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_lab_v1_TraceBatch__Output>;
  trace(argument: _lab_v1_TraceRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_lab_v1_TraceBatch__Output>;
  trace(argument: _lab_v1_TraceRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_lab_v1_TraceBatch__Output>;
  
}

export interface LabHandlers extends grpc.UntypedServiceImplementation {
  Arm: grpc.handleUnaryCall<_lab_v1_ArmRequest__Output, _lab_v1_ArmReply>;
  
  Cut: grpc.handleUnaryCall<_lab_v1_CutRequest__Output, _lab_v1_CutReply>;
  
  Fired: grpc.handleUnaryCall<_lab_v1_FiredRequest__Output, _lab_v1_FiredReply>;
  
  Flush: grpc.handleUnaryCall<_lab_v1_FlushRequest__Output, _lab_v1_FlushReply>;
  
  Heard: grpc.handleUnaryCall<_lab_v1_HeardRequest__Output, _lab_v1_HeardReply>;
  
  Mark: grpc.handleUnaryCall<_lab_v1_MarkRequest__Output, _lab_v1_MarkReply>;
  
  Points: grpc.handleUnaryCall<_lab_v1_PointsRequest__Output, _lab_v1_PointsReply>;
  
  Ready: grpc.handleUnaryCall<_lab_v1_ReadyRequest__Output, _lab_v1_ReadyReply>;
  
  Release: grpc.handleUnaryCall<_lab_v1_ReleaseRequest__Output, _lab_v1_ReleaseReply>;
  
  RunWorkload: grpc.handleBidiStreamingCall<_lab_v1_RunWorkloadRequest__Output, _lab_v1_RunWorkloadReply>;
  
  State: grpc.handleUnaryCall<_lab_v1_StateRequest__Output, _lab_v1_StateReply>;
  
  Stop: grpc.handleUnaryCall<_lab_v1_StopRequest__Output, _lab_v1_StopReply>;
  
  Trace: grpc.handleServerStreamingCall<_lab_v1_TraceRequest__Output, _lab_v1_TraceBatch>;
  
}

export interface LabDefinition extends grpc.ServiceDefinition {
  Arm: MethodDefinition<_lab_v1_ArmRequest, _lab_v1_ArmReply, _lab_v1_ArmRequest__Output, _lab_v1_ArmReply__Output>
  Cut: MethodDefinition<_lab_v1_CutRequest, _lab_v1_CutReply, _lab_v1_CutRequest__Output, _lab_v1_CutReply__Output>
  Fired: MethodDefinition<_lab_v1_FiredRequest, _lab_v1_FiredReply, _lab_v1_FiredRequest__Output, _lab_v1_FiredReply__Output>
  Flush: MethodDefinition<_lab_v1_FlushRequest, _lab_v1_FlushReply, _lab_v1_FlushRequest__Output, _lab_v1_FlushReply__Output>
  Heard: MethodDefinition<_lab_v1_HeardRequest, _lab_v1_HeardReply, _lab_v1_HeardRequest__Output, _lab_v1_HeardReply__Output>
  Mark: MethodDefinition<_lab_v1_MarkRequest, _lab_v1_MarkReply, _lab_v1_MarkRequest__Output, _lab_v1_MarkReply__Output>
  Points: MethodDefinition<_lab_v1_PointsRequest, _lab_v1_PointsReply, _lab_v1_PointsRequest__Output, _lab_v1_PointsReply__Output>
  Ready: MethodDefinition<_lab_v1_ReadyRequest, _lab_v1_ReadyReply, _lab_v1_ReadyRequest__Output, _lab_v1_ReadyReply__Output>
  Release: MethodDefinition<_lab_v1_ReleaseRequest, _lab_v1_ReleaseReply, _lab_v1_ReleaseRequest__Output, _lab_v1_ReleaseReply__Output>
  RunWorkload: MethodDefinition<_lab_v1_RunWorkloadRequest, _lab_v1_RunWorkloadReply, _lab_v1_RunWorkloadRequest__Output, _lab_v1_RunWorkloadReply__Output>
  State: MethodDefinition<_lab_v1_StateRequest, _lab_v1_StateReply, _lab_v1_StateRequest__Output, _lab_v1_StateReply__Output>
  Stop: MethodDefinition<_lab_v1_StopRequest, _lab_v1_StopReply, _lab_v1_StopRequest__Output, _lab_v1_StopReply__Output>
  Trace: MethodDefinition<_lab_v1_TraceRequest, _lab_v1_TraceBatch, _lab_v1_TraceRequest__Output, _lab_v1_TraceBatch__Output>
}
