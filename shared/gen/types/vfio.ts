import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Ack as _vfio_v1_Ack, Ack__Output as _vfio_v1_Ack__Output } from './vfio/v1/Ack.ts';
import type { Close as _vfio_v1_Close, Close__Output as _vfio_v1_Close__Output } from './vfio/v1/Close.ts';
import type { CloseResult as _vfio_v1_CloseResult, CloseResult__Output as _vfio_v1_CloseResult__Output } from './vfio/v1/CloseResult.ts';
import type { Envelope as _vfio_v1_Envelope, Envelope__Output as _vfio_v1_Envelope__Output } from './vfio/v1/Envelope.ts';
import type { Hello as _vfio_v1_Hello, Hello__Output as _vfio_v1_Hello__Output } from './vfio/v1/Hello.ts';
import type { Ioctl as _vfio_v1_Ioctl, Ioctl__Output as _vfio_v1_Ioctl__Output } from './vfio/v1/Ioctl.ts';
import type { IoctlResult as _vfio_v1_IoctlResult, IoctlResult__Output as _vfio_v1_IoctlResult__Output } from './vfio/v1/IoctlResult.ts';
import type { Memory as _vfio_v1_Memory, Memory__Output as _vfio_v1_Memory__Output } from './vfio/v1/Memory.ts';
import type { Mmap as _vfio_v1_Mmap, Mmap__Output as _vfio_v1_Mmap__Output } from './vfio/v1/Mmap.ts';
import type { MmapResult as _vfio_v1_MmapResult, MmapResult__Output as _vfio_v1_MmapResult__Output } from './vfio/v1/MmapResult.ts';
import type { Open as _vfio_v1_Open, Open__Output as _vfio_v1_Open__Output } from './vfio/v1/Open.ts';
import type { OpenResult as _vfio_v1_OpenResult, OpenResult__Output as _vfio_v1_OpenResult__Output } from './vfio/v1/OpenResult.ts';
import type { PostedWrite as _vfio_v1_PostedWrite, PostedWrite__Output as _vfio_v1_PostedWrite__Output } from './vfio/v1/PostedWrite.ts';
import type { Pread as _vfio_v1_Pread, Pread__Output as _vfio_v1_Pread__Output } from './vfio/v1/Pread.ts';
import type { PreadResult as _vfio_v1_PreadResult, PreadResult__Output as _vfio_v1_PreadResult__Output } from './vfio/v1/PreadResult.ts';
import type { Pwrite as _vfio_v1_Pwrite, Pwrite__Output as _vfio_v1_Pwrite__Output } from './vfio/v1/Pwrite.ts';
import type { PwriteResult as _vfio_v1_PwriteResult, PwriteResult__Output as _vfio_v1_PwriteResult__Output } from './vfio/v1/PwriteResult.ts';
import type { Rejected as _vfio_v1_Rejected, Rejected__Output as _vfio_v1_Rejected__Output } from './vfio/v1/Rejected.ts';
import type { Signal as _vfio_v1_Signal, Signal__Output as _vfio_v1_Signal__Output } from './vfio/v1/Signal.ts';
import type { VfioClient as _vfio_v1_VfioClient, VfioDefinition as _vfio_v1_VfioDefinition } from './vfio/v1/Vfio.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  vfio: {
    v1: {
      Ack: MessageTypeDefinition<_vfio_v1_Ack, _vfio_v1_Ack__Output>
      Close: MessageTypeDefinition<_vfio_v1_Close, _vfio_v1_Close__Output>
      CloseResult: MessageTypeDefinition<_vfio_v1_CloseResult, _vfio_v1_CloseResult__Output>
      Envelope: MessageTypeDefinition<_vfio_v1_Envelope, _vfio_v1_Envelope__Output>
      Hello: MessageTypeDefinition<_vfio_v1_Hello, _vfio_v1_Hello__Output>
      Ioctl: MessageTypeDefinition<_vfio_v1_Ioctl, _vfio_v1_Ioctl__Output>
      IoctlResult: MessageTypeDefinition<_vfio_v1_IoctlResult, _vfio_v1_IoctlResult__Output>
      Memory: MessageTypeDefinition<_vfio_v1_Memory, _vfio_v1_Memory__Output>
      Mmap: MessageTypeDefinition<_vfio_v1_Mmap, _vfio_v1_Mmap__Output>
      MmapResult: MessageTypeDefinition<_vfio_v1_MmapResult, _vfio_v1_MmapResult__Output>
      Open: MessageTypeDefinition<_vfio_v1_Open, _vfio_v1_Open__Output>
      OpenResult: MessageTypeDefinition<_vfio_v1_OpenResult, _vfio_v1_OpenResult__Output>
      PostedWrite: MessageTypeDefinition<_vfio_v1_PostedWrite, _vfio_v1_PostedWrite__Output>
      Pread: MessageTypeDefinition<_vfio_v1_Pread, _vfio_v1_Pread__Output>
      PreadResult: MessageTypeDefinition<_vfio_v1_PreadResult, _vfio_v1_PreadResult__Output>
      Pwrite: MessageTypeDefinition<_vfio_v1_Pwrite, _vfio_v1_Pwrite__Output>
      PwriteResult: MessageTypeDefinition<_vfio_v1_PwriteResult, _vfio_v1_PwriteResult__Output>
      Rejected: MessageTypeDefinition<_vfio_v1_Rejected, _vfio_v1_Rejected__Output>
      Signal: MessageTypeDefinition<_vfio_v1_Signal, _vfio_v1_Signal__Output>
      Vfio: SubtypeConstructor<typeof grpc.Client, _vfio_v1_VfioClient> & { service: _vfio_v1_VfioDefinition }
    }
  }
}

