// Original file: proto/smmu/v1/smmu.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Envelope as _smmu_v1_Envelope, Envelope__Output as _smmu_v1_Envelope__Output } from '../../smmu/v1/Envelope.ts';

export interface SmmuClient extends grpc.Client {
  Connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_smmu_v1_Envelope, _smmu_v1_Envelope__Output>;
  Connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_smmu_v1_Envelope, _smmu_v1_Envelope__Output>;
  connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_smmu_v1_Envelope, _smmu_v1_Envelope__Output>;
  connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_smmu_v1_Envelope, _smmu_v1_Envelope__Output>;
  
}

export interface SmmuHandlers extends grpc.UntypedServiceImplementation {
  Connect: grpc.handleBidiStreamingCall<_smmu_v1_Envelope__Output, _smmu_v1_Envelope>;
  
}

export interface SmmuDefinition extends grpc.ServiceDefinition {
  Connect: MethodDefinition<_smmu_v1_Envelope, _smmu_v1_Envelope, _smmu_v1_Envelope__Output, _smmu_v1_Envelope__Output>
}
