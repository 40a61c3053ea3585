// Original file: /work/main/proto/lab/v1/lab.proto

import type { Where as _lab_v1_Where, Where__Output as _lab_v1_Where__Output } from '../../lab/v1/Where.ts';
import type { When as _lab_v1_When, When__Output as _lab_v1_When__Output } from '../../lab/v1/When.ts';
import type { Do as _lab_v1_Do, Do__Output as _lab_v1_Do__Output } from '../../lab/v1/Do.ts';

export interface Rule {
  'id'?: (string);
  'where'?: (_lab_v1_Where | null);
  'when'?: (_lab_v1_When | null);
  'do'?: (_lab_v1_Do | null);
}

export interface Rule__Output {
  'id': (string);
  'where': (_lab_v1_Where__Output | null);
  'when': (_lab_v1_When__Output | null);
  'do': (_lab_v1_Do__Output | null);
}
