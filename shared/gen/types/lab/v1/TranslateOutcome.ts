// Original file: proto/lab/v1/lab.proto

import type { TranslationEntry as _lab_v1_TranslationEntry, TranslationEntry__Output as _lab_v1_TranslationEntry__Output } from '../../lab/v1/TranslationEntry.ts';

export interface TranslateOutcome {
  'status'?: (string);
  'entries'?: (_lab_v1_TranslationEntry)[];
}

export interface TranslateOutcome__Output {
  'status': (string);
  'entries': (_lab_v1_TranslationEntry__Output)[];
}
