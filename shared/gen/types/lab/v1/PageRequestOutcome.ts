// Original file: proto/lab/v1/lab.proto

import type { PrgResponse as _lab_v1_PrgResponse, PrgResponse__Output as _lab_v1_PrgResponse__Output } from '../../lab/v1/PrgResponse.ts';

export interface PageRequestOutcome {
  'sent'?: (number);
  'responses'?: (_lab_v1_PrgResponse)[];
}

export interface PageRequestOutcome__Output {
  'sent': (number);
  'responses': (_lab_v1_PrgResponse__Output)[];
}
