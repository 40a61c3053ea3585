// Original file: proto/vfio/v1/vfio.proto

import type { PostedWrite as _vfio_v1_PostedWrite, PostedWrite__Output as _vfio_v1_PostedWrite__Output } from '../../vfio/v1/PostedWrite.ts';
import type { Hello as _vfio_v1_Hello, Hello__Output as _vfio_v1_Hello__Output } from '../../vfio/v1/Hello.ts';
import type { Rejected as _vfio_v1_Rejected, Rejected__Output as _vfio_v1_Rejected__Output } from '../../vfio/v1/Rejected.ts';
import type { Ack as _vfio_v1_Ack, Ack__Output as _vfio_v1_Ack__Output } from '../../vfio/v1/Ack.ts';
import type { Open as _vfio_v1_Open, Open__Output as _vfio_v1_Open__Output } from '../../vfio/v1/Open.ts';
import type { Ioctl as _vfio_v1_Ioctl, Ioctl__Output as _vfio_v1_Ioctl__Output } from '../../vfio/v1/Ioctl.ts';
import type { Mmap as _vfio_v1_Mmap, Mmap__Output as _vfio_v1_Mmap__Output } from '../../vfio/v1/Mmap.ts';
import type { Pread as _vfio_v1_Pread, Pread__Output as _vfio_v1_Pread__Output } from '../../vfio/v1/Pread.ts';
import type { Pwrite as _vfio_v1_Pwrite, Pwrite__Output as _vfio_v1_Pwrite__Output } from '../../vfio/v1/Pwrite.ts';
import type { Close as _vfio_v1_Close, Close__Output as _vfio_v1_Close__Output } from '../../vfio/v1/Close.ts';
import type { OpenResult as _vfio_v1_OpenResult, OpenResult__Output as _vfio_v1_OpenResult__Output } from '../../vfio/v1/OpenResult.ts';
import type { IoctlResult as _vfio_v1_IoctlResult, IoctlResult__Output as _vfio_v1_IoctlResult__Output } from '../../vfio/v1/IoctlResult.ts';
import type { MmapResult as _vfio_v1_MmapResult, MmapResult__Output as _vfio_v1_MmapResult__Output } from '../../vfio/v1/MmapResult.ts';
import type { PreadResult as _vfio_v1_PreadResult, PreadResult__Output as _vfio_v1_PreadResult__Output } from '../../vfio/v1/PreadResult.ts';
import type { PwriteResult as _vfio_v1_PwriteResult, PwriteResult__Output as _vfio_v1_PwriteResult__Output } from '../../vfio/v1/PwriteResult.ts';
import type { CloseResult as _vfio_v1_CloseResult, CloseResult__Output as _vfio_v1_CloseResult__Output } from '../../vfio/v1/CloseResult.ts';
import type { Signal as _vfio_v1_Signal, Signal__Output as _vfio_v1_Signal__Output } from '../../vfio/v1/Signal.ts';

export interface Envelope {
  'seq'?: (number);
  'replyTo'?: (number);
  'lamport'?: (number);
  'trace'?: (Buffer | Uint8Array | string);
  'writes'?: (_vfio_v1_PostedWrite)[];
  'hello'?: (_vfio_v1_Hello | null);
  'rejected'?: (_vfio_v1_Rejected | null);
  'ack'?: (_vfio_v1_Ack | null);
  'open'?: (_vfio_v1_Open | null);
  'ioctl'?: (_vfio_v1_Ioctl | null);
  'mmap'?: (_vfio_v1_Mmap | null);
  'pread'?: (_vfio_v1_Pread | null);
  'pwrite'?: (_vfio_v1_Pwrite | null);
  'close'?: (_vfio_v1_Close | null);
  'openResult'?: (_vfio_v1_OpenResult | null);
  'ioctlResult'?: (_vfio_v1_IoctlResult | null);
  'mmapResult'?: (_vfio_v1_MmapResult | null);
  'preadResult'?: (_vfio_v1_PreadResult | null);
  'pwriteResult'?: (_vfio_v1_PwriteResult | null);
  'closeResult'?: (_vfio_v1_CloseResult | null);
  'signal'?: (_vfio_v1_Signal | null);
  'body'?: "hello"|"rejected"|"ack"|"open"|"ioctl"|"mmap"|"pread"|"pwrite"|"close"|"openResult"|"ioctlResult"|"mmapResult"|"preadResult"|"pwriteResult"|"closeResult"|"signal";
}

export interface Envelope__Output {
  'seq': (number);
  'replyTo': (number);
  'lamport': (number);
  'trace': (Buffer);
  'writes': (_vfio_v1_PostedWrite__Output)[];
  'hello'?: (_vfio_v1_Hello__Output | null);
  'rejected'?: (_vfio_v1_Rejected__Output | null);
  'ack'?: (_vfio_v1_Ack__Output | null);
  'open'?: (_vfio_v1_Open__Output | null);
  'ioctl'?: (_vfio_v1_Ioctl__Output | null);
  'mmap'?: (_vfio_v1_Mmap__Output | null);
  'pread'?: (_vfio_v1_Pread__Output | null);
  'pwrite'?: (_vfio_v1_Pwrite__Output | null);
  'close'?: (_vfio_v1_Close__Output | null);
  'openResult'?: (_vfio_v1_OpenResult__Output | null);
  'ioctlResult'?: (_vfio_v1_IoctlResult__Output | null);
  'mmapResult'?: (_vfio_v1_MmapResult__Output | null);
  'preadResult'?: (_vfio_v1_PreadResult__Output | null);
  'pwriteResult'?: (_vfio_v1_PwriteResult__Output | null);
  'closeResult'?: (_vfio_v1_CloseResult__Output | null);
  'signal'?: (_vfio_v1_Signal__Output | null);
  'body'?: "hello"|"rejected"|"ack"|"open"|"ioctl"|"mmap"|"pread"|"pwrite"|"close"|"openResult"|"ioctlResult"|"mmapResult"|"preadResult"|"pwriteResult"|"closeResult"|"signal";
}
