// Original file: proto/virtio/v1/virtio.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Envelope as _virtio_v1_Envelope, Envelope__Output as _virtio_v1_Envelope__Output } from '../../virtio/v1/Envelope.ts';

export interface VirtioClient extends grpc.Client {
  Connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_virtio_v1_Envelope, _virtio_v1_Envelope__Output>;
  Connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_virtio_v1_Envelope, _virtio_v1_Envelope__Output>;
  connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_virtio_v1_Envelope, _virtio_v1_Envelope__Output>;
  connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_virtio_v1_Envelope, _virtio_v1_Envelope__Output>;
  
}

export interface VirtioHandlers extends grpc.UntypedServiceImplementation {
  Connect: grpc.handleBidiStreamingCall<_virtio_v1_Envelope__Output, _virtio_v1_Envelope>;
  
}

export interface VirtioDefinition extends grpc.ServiceDefinition {
  Connect: MethodDefinition<_virtio_v1_Envelope, _virtio_v1_Envelope, _virtio_v1_Envelope__Output, _virtio_v1_Envelope__Output>
}
