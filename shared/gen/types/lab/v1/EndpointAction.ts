// Original file: proto/lab/v1/lab.proto

import type { Dma as _lab_v1_Dma, Dma__Output as _lab_v1_Dma__Output } from '../../lab/v1/Dma.ts';
import type { Translate as _lab_v1_Translate, Translate__Output as _lab_v1_Translate__Output } from '../../lab/v1/Translate.ts';
import type { TranslatedDma as _lab_v1_TranslatedDma, TranslatedDma__Output as _lab_v1_TranslatedDma__Output } from '../../lab/v1/TranslatedDma.ts';
import type { PageRequest as _lab_v1_PageRequest, PageRequest__Output as _lab_v1_PageRequest__Output } from '../../lab/v1/PageRequest.ts';
import type { StopMarker as _lab_v1_StopMarker, StopMarker__Output as _lab_v1_StopMarker__Output } from '../../lab/v1/StopMarker.ts';
import type { CompleteInvalidation as _lab_v1_CompleteInvalidation, CompleteInvalidation__Output as _lab_v1_CompleteInvalidation__Output } from '../../lab/v1/CompleteInvalidation.ts';
import type { Flood as _lab_v1_Flood, Flood__Output as _lab_v1_Flood__Output } from '../../lab/v1/Flood.ts';
import type { Link as _lab_v1_Link, Link__Output as _lab_v1_Link__Output } from '../../lab/v1/Link.ts';
import type { FunctionLevelReset as _lab_v1_FunctionLevelReset, FunctionLevelReset__Output as _lab_v1_FunctionLevelReset__Output } from '../../lab/v1/FunctionLevelReset.ts';
import type { Received as _lab_v1_Received, Received__Output as _lab_v1_Received__Output } from '../../lab/v1/Received.ts';

export interface EndpointAction {
  'sid'?: (number);
  'dma'?: (_lab_v1_Dma | null);
  'translate'?: (_lab_v1_Translate | null);
  'translatedDma'?: (_lab_v1_TranslatedDma | null);
  'pageRequest'?: (_lab_v1_PageRequest | null);
  'stopMarker'?: (_lab_v1_StopMarker | null);
  'completeInvalidation'?: (_lab_v1_CompleteInvalidation | null);
  'flood'?: (_lab_v1_Flood | null);
  'link'?: (_lab_v1_Link | null);
  'flr'?: (_lab_v1_FunctionLevelReset | null);
  'received'?: (_lab_v1_Received | null);
  'action'?: "dma"|"translate"|"translatedDma"|"pageRequest"|"stopMarker"|"completeInvalidation"|"flood"|"link"|"flr"|"received";
}

export interface EndpointAction__Output {
  'sid': (number);
  'dma'?: (_lab_v1_Dma__Output | null);
  'translate'?: (_lab_v1_Translate__Output | null);
  'translatedDma'?: (_lab_v1_TranslatedDma__Output | null);
  'pageRequest'?: (_lab_v1_PageRequest__Output | null);
  'stopMarker'?: (_lab_v1_StopMarker__Output | null);
  'completeInvalidation'?: (_lab_v1_CompleteInvalidation__Output | null);
  'flood'?: (_lab_v1_Flood__Output | null);
  'link'?: (_lab_v1_Link__Output | null);
  'flr'?: (_lab_v1_FunctionLevelReset__Output | null);
  'received'?: (_lab_v1_Received__Output | null);
  'action'?: "dma"|"translate"|"translatedDma"|"pageRequest"|"stopMarker"|"completeInvalidation"|"flood"|"link"|"flr"|"received";
}
