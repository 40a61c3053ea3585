// Original file: proto/lab/v1/lab.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DoReply as _lab_v1_DoReply, DoReply__Output as _lab_v1_DoReply__Output } from '../../lab/v1/DoReply.ts';
import type { DoRequest as _lab_v1_DoRequest, DoRequest__Output as _lab_v1_DoRequest__Output } from '../../lab/v1/DoRequest.ts';
import type { EndpointResetReply as _lab_v1_EndpointResetReply, EndpointResetReply__Output as _lab_v1_EndpointResetReply__Output } from '../../lab/v1/EndpointResetReply.ts';
import type { EndpointResetRequest as _lab_v1_EndpointResetRequest, EndpointResetRequest__Output as _lab_v1_EndpointResetRequest__Output } from '../../lab/v1/EndpointResetRequest.ts';
import type { ReadMemoryReply as _lab_v1_ReadMemoryReply, ReadMemoryReply__Output as _lab_v1_ReadMemoryReply__Output } from '../../lab/v1/ReadMemoryReply.ts';
import type { ReadMemoryRequest as _lab_v1_ReadMemoryRequest, ReadMemoryRequest__Output as _lab_v1_ReadMemoryRequest__Output } from '../../lab/v1/ReadMemoryRequest.ts';

export interface EndpointClient extends grpc.Client {
  Do(argument: _lab_v1_DoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  Do(argument: _lab_v1_DoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  Do(argument: _lab_v1_DoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  Do(argument: _lab_v1_DoRequest, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  do(argument: _lab_v1_DoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  do(argument: _lab_v1_DoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  do(argument: _lab_v1_DoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  do(argument: _lab_v1_DoRequest, callback: grpc.requestCallback<_lab_v1_DoReply__Output>): grpc.ClientUnaryCall;
  
  ReadMemory(argument: _lab_v1_ReadMemoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  ReadMemory(argument: _lab_v1_ReadMemoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  ReadMemory(argument: _lab_v1_ReadMemoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  ReadMemory(argument: _lab_v1_ReadMemoryRequest, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  readMemory(argument: _lab_v1_ReadMemoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  readMemory(argument: _lab_v1_ReadMemoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  readMemory(argument: _lab_v1_ReadMemoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  readMemory(argument: _lab_v1_ReadMemoryRequest, callback: grpc.requestCallback<_lab_v1_ReadMemoryReply__Output>): grpc.ClientUnaryCall;
  
  Reset(argument: _lab_v1_EndpointResetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  Reset(argument: _lab_v1_EndpointResetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  Reset(argument: _lab_v1_EndpointResetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  Reset(argument: _lab_v1_EndpointResetRequest, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  reset(argument: _lab_v1_EndpointResetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  reset(argument: _lab_v1_EndpointResetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  reset(argument: _lab_v1_EndpointResetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  reset(argument: _lab_v1_EndpointResetRequest, callback: grpc.requestCallback<_lab_v1_EndpointResetReply__Output>): grpc.ClientUnaryCall;
  
}

export interface EndpointHandlers extends grpc.UntypedServiceImplementation {
  Do: grpc.handleUnaryCall<_lab_v1_DoRequest__Output, _lab_v1_DoReply>;
  
  ReadMemory: grpc.handleUnaryCall<_lab_v1_ReadMemoryRequest__Output, _lab_v1_ReadMemoryReply>;
  
  Reset: grpc.handleUnaryCall<_lab_v1_EndpointResetRequest__Output, _lab_v1_EndpointResetReply>;
  
}

export interface EndpointDefinition extends grpc.ServiceDefinition {
  Do: MethodDefinition<_lab_v1_DoRequest, _lab_v1_DoReply, _lab_v1_DoRequest__Output, _lab_v1_DoReply__Output>
  ReadMemory: MethodDefinition<_lab_v1_ReadMemoryRequest, _lab_v1_ReadMemoryReply, _lab_v1_ReadMemoryRequest__Output, _lab_v1_ReadMemoryReply__Output>
  Reset: MethodDefinition<_lab_v1_EndpointResetRequest, _lab_v1_EndpointResetReply, _lab_v1_EndpointResetRequest__Output, _lab_v1_EndpointResetReply__Output>
}
