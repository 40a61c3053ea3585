// Original file: proto/lab/v1/lab.proto

import type { DmaOutcome as _lab_v1_DmaOutcome, DmaOutcome__Output as _lab_v1_DmaOutcome__Output } from '../../lab/v1/DmaOutcome.ts';
import type { TranslateOutcome as _lab_v1_TranslateOutcome, TranslateOutcome__Output as _lab_v1_TranslateOutcome__Output } from '../../lab/v1/TranslateOutcome.ts';
import type { PageRequestOutcome as _lab_v1_PageRequestOutcome, PageRequestOutcome__Output as _lab_v1_PageRequestOutcome__Output } from '../../lab/v1/PageRequestOutcome.ts';
import type { CompleteInvalidationOutcome as _lab_v1_CompleteInvalidationOutcome, CompleteInvalidationOutcome__Output as _lab_v1_CompleteInvalidationOutcome__Output } from '../../lab/v1/CompleteInvalidationOutcome.ts';
import type { FunctionState as _lab_v1_FunctionState, FunctionState__Output as _lab_v1_FunctionState__Output } from '../../lab/v1/FunctionState.ts';
import type { ReceivedOutcome as _lab_v1_ReceivedOutcome, ReceivedOutcome__Output as _lab_v1_ReceivedOutcome__Output } from '../../lab/v1/ReceivedOutcome.ts';

export interface EndpointOutcome {
  'dma'?: (_lab_v1_DmaOutcome | null);
  'translate'?: (_lab_v1_TranslateOutcome | null);
  'translatedDma'?: (_lab_v1_DmaOutcome | null);
  'pageRequest'?: (_lab_v1_PageRequestOutcome | null);
  'stopMarker'?: (_lab_v1_PageRequestOutcome | null);
  'completeInvalidation'?: (_lab_v1_CompleteInvalidationOutcome | null);
  'flood'?: (_lab_v1_PageRequestOutcome | null);
  'link'?: (_lab_v1_FunctionState | null);
  'flr'?: (_lab_v1_FunctionState | null);
  'received'?: (_lab_v1_ReceivedOutcome | null);
  'outcome'?: "dma"|"translate"|"translatedDma"|"pageRequest"|"stopMarker"|"completeInvalidation"|"flood"|"link"|"flr"|"received";
}

export interface EndpointOutcome__Output {
  'dma'?: (_lab_v1_DmaOutcome__Output | null);
  'translate'?: (_lab_v1_TranslateOutcome__Output | null);
  'translatedDma'?: (_lab_v1_DmaOutcome__Output | null);
  'pageRequest'?: (_lab_v1_PageRequestOutcome__Output | null);
  'stopMarker'?: (_lab_v1_PageRequestOutcome__Output | null);
  'completeInvalidation'?: (_lab_v1_CompleteInvalidationOutcome__Output | null);
  'flood'?: (_lab_v1_PageRequestOutcome__Output | null);
  'link'?: (_lab_v1_FunctionState__Output | null);
  'flr'?: (_lab_v1_FunctionState__Output | null);
  'received'?: (_lab_v1_ReceivedOutcome__Output | null);
  'outcome'?: "dma"|"translate"|"translatedDma"|"pageRequest"|"stopMarker"|"completeInvalidation"|"flood"|"link"|"flr"|"received";
}
