// Original file: proto/lab/v1/lab.proto

import type { PrgResponse as _lab_v1_PrgResponse, PrgResponse__Output as _lab_v1_PrgResponse__Output } from '../../lab/v1/PrgResponse.ts';
import type { InvalidateRequest as _lab_v1_InvalidateRequest, InvalidateRequest__Output as _lab_v1_InvalidateRequest__Output } from '../../lab/v1/InvalidateRequest.ts';
import type { FunctionState as _lab_v1_FunctionState, FunctionState__Output as _lab_v1_FunctionState__Output } from '../../lab/v1/FunctionState.ts';

export interface ReceivedOutcome {
  'responses'?: (_lab_v1_PrgResponse)[];
  'invalidations'?: (_lab_v1_InvalidateRequest)[];
  'dropped'?: (number);
  'state'?: (_lab_v1_FunctionState | null);
}

export interface ReceivedOutcome__Output {
  'responses': (_lab_v1_PrgResponse__Output)[];
  'invalidations': (_lab_v1_InvalidateRequest__Output)[];
  'dropped': (number);
  'state': (_lab_v1_FunctionState__Output | null);
}
