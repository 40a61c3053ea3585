// Original file: proto/lab/v1/lab.proto

import type { PageRequest as _lab_v1_PageRequest, PageRequest__Output as _lab_v1_PageRequest__Output } from '../../lab/v1/PageRequest.ts';

export interface Flood {
  'first'?: (_lab_v1_PageRequest | null);
  'count'?: (number);
}

export interface Flood__Output {
  'first': (_lab_v1_PageRequest__Output | null);
  'count': (number);
}
