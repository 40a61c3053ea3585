// Original file: proto/lab/v1/lab.proto

import type { DmaOutcome as _lab_v1_DmaOutcome, DmaOutcome__Output as _lab_v1_DmaOutcome__Output } from '../../lab/v1/DmaOutcome.ts';

export interface EndpointOutcome {
  'dma'?: (_lab_v1_DmaOutcome | null);
  'outcome'?: "dma";
}

export interface EndpointOutcome__Output {
  'dma'?: (_lab_v1_DmaOutcome__Output | null);
  'outcome'?: "dma";
}
