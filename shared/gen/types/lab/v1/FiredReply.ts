// Original file: proto/lab/v1/lab.proto

import type { RuleCount as _lab_v1_RuleCount, RuleCount__Output as _lab_v1_RuleCount__Output } from '../../lab/v1/RuleCount.ts';

export interface FiredReply {
  'rules'?: (_lab_v1_RuleCount)[];
  'progress'?: (string);
}

export interface FiredReply__Output {
  'rules': (_lab_v1_RuleCount__Output)[];
  'progress': (string);
}
