// Original file: proto/lab/v1/lab.proto

import type { QueueResult as _lab_v1_QueueResult, QueueResult__Output as _lab_v1_QueueResult__Output } from '../../lab/v1/QueueResult.ts';

export interface WorkloadResult {
  'ok'?: (boolean);
  'error'?: (string);
  'operation'?: (string);
  'inputBytes'?: (number | string);
  'jobs'?: (number);
  'faultsHandled'?: (number);
  'queues'?: (_lab_v1_QueueResult)[];
  'outputBytes'?: (number | string);
}

export interface WorkloadResult__Output {
  'ok': (boolean);
  'error': (string);
  'operation': (string);
  'inputBytes': (number);
  'jobs': (number);
  'faultsHandled': (number);
  'queues': (_lab_v1_QueueResult__Output)[];
  'outputBytes': (number);
}
