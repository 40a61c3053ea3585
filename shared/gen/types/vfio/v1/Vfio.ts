// Original file: proto/vfio/v1/vfio.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Envelope as _vfio_v1_Envelope, Envelope__Output as _vfio_v1_Envelope__Output } from '../../vfio/v1/Envelope.ts';

export interface VfioClient extends grpc.Client {
  Connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vfio_v1_Envelope, _vfio_v1_Envelope__Output>;
  Connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vfio_v1_Envelope, _vfio_v1_Envelope__Output>;
  connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_vfio_v1_Envelope, _vfio_v1_Envelope__Output>;
  connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_vfio_v1_Envelope, _vfio_v1_Envelope__Output>;
  
}

export interface VfioHandlers extends grpc.UntypedServiceImplementation {
  Connect: grpc.handleBidiStreamingCall<_vfio_v1_Envelope__Output, _vfio_v1_Envelope>;
  
}

export interface VfioDefinition extends grpc.ServiceDefinition {
  Connect: MethodDefinition<_vfio_v1_Envelope, _vfio_v1_Envelope, _vfio_v1_Envelope__Output, _vfio_v1_Envelope__Output>
}
