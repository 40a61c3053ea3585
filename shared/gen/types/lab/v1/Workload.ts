// Original file: proto/lab/v1/lab.proto

import type { Program as _lab_v1_Program, Program__Output as _lab_v1_Program__Output } from '../../lab/v1/Program.ts';

export interface Workload {
  'operation'?: (string);
  'file'?: (string);
  'pagesPerGroup'?: (number);
  'jobTimeoutNs'?: (number | string);
  'hasEndpoint'?: (boolean);
  'endpoint'?: (number);
  'endpoints'?: (number);
  'queues'?: (number);
  'program'?: (_lab_v1_Program | null);
  'retryLimit'?: (number);
}

export interface Workload__Output {
  'operation': (string);
  'file': (string);
  'pagesPerGroup': (number);
  'jobTimeoutNs': (number);
  'hasEndpoint': (boolean);
  'endpoint': (number);
  'endpoints': (number);
  'queues': (number);
  'program': (_lab_v1_Program__Output | null);
  'retryLimit': (number);
}
