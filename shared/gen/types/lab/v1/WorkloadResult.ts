// Original file: proto/lab/v1/lab.proto


export interface WorkloadResult {
  'ok'?: (boolean);
  'error'?: (string);
  'operation'?: (string);
  'inputBytes'?: (number | string);
  'jobs'?: (number);
  'faultsHandled'?: (number);
}

export interface WorkloadResult__Output {
  'ok': (boolean);
  'error': (string);
  'operation': (string);
  'inputBytes': (number);
  'jobs': (number);
  'faultsHandled': (number);
}
