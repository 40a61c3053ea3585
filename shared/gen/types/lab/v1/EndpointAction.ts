// Original file: proto/lab/v1/lab.proto

import type { Dma as _lab_v1_Dma, Dma__Output as _lab_v1_Dma__Output } from '../../lab/v1/Dma.ts';

export interface EndpointAction {
  'sid'?: (number);
  'dma'?: (_lab_v1_Dma | null);
  'action'?: "dma";
}

export interface EndpointAction__Output {
  'sid': (number);
  'dma'?: (_lab_v1_Dma__Output | null);
  'action'?: "dma";
}
