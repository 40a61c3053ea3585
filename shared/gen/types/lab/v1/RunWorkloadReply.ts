// Original file: proto/lab/v1/lab.proto

import type { Progress as _lab_v1_Progress, Progress__Output as _lab_v1_Progress__Output } from '../../lab/v1/Progress.ts';
import type { WorkloadResult as _lab_v1_WorkloadResult, WorkloadResult__Output as _lab_v1_WorkloadResult__Output } from '../../lab/v1/WorkloadResult.ts';

export interface RunWorkloadReply {
  'progress'?: (_lab_v1_Progress | null);
  'output'?: (Buffer | Uint8Array | string);
  'result'?: (_lab_v1_WorkloadResult | null);
  'part'?: "progress"|"output"|"result";
}

export interface RunWorkloadReply__Output {
  'progress'?: (_lab_v1_Progress__Output | null);
  'output'?: (Buffer);
  'result'?: (_lab_v1_WorkloadResult__Output | null);
  'part'?: "progress"|"output"|"result";
}
