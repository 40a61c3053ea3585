// Original file: proto/lab/v1/lab.proto

import type { Rule as _lab_v1_Rule, Rule__Output as _lab_v1_Rule__Output } from '../../lab/v1/Rule.ts';

export interface ArmRequest {
  'rules'?: (_lab_v1_Rule)[];
  'seed'?: (number);
  'run'?: (string);
}

export interface ArmRequest__Output {
  'rules': (_lab_v1_Rule__Output)[];
  'seed': (number);
  'run': (string);
}
