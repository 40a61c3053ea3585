// Original file: proto/lab/v1/lab.proto

import type { EndpointOutcome as _lab_v1_EndpointOutcome, EndpointOutcome__Output as _lab_v1_EndpointOutcome__Output } from '../../lab/v1/EndpointOutcome.ts';

export interface DoReply {
  'outcomes'?: (_lab_v1_EndpointOutcome)[];
}

export interface DoReply__Output {
  'outcomes': (_lab_v1_EndpointOutcome__Output)[];
}
