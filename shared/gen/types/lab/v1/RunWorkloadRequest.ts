// Original file: proto/lab/v1/lab.proto

import type { FilePiece as _lab_v1_FilePiece, FilePiece__Output as _lab_v1_FilePiece__Output } from '../../lab/v1/FilePiece.ts';
import type { Workload as _lab_v1_Workload, Workload__Output as _lab_v1_Workload__Output } from '../../lab/v1/Workload.ts';

export interface RunWorkloadRequest {
  'file'?: (_lab_v1_FilePiece | null);
  'workload'?: (_lab_v1_Workload | null);
  'part'?: "file"|"workload";
}

export interface RunWorkloadRequest__Output {
  'file'?: (_lab_v1_FilePiece__Output | null);
  'workload'?: (_lab_v1_Workload__Output | null);
  'part'?: "file"|"workload";
}
