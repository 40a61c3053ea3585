// Original file: proto/lab/v1/lab.proto


export interface Workload {
  'operation'?: (string);
  'file'?: (string);
  'pagesPerGroup'?: (number);
  'jobTimeoutNs'?: (number | string);
  'hasEndpoint'?: (boolean);
  'endpoint'?: (number);
}

export interface Workload__Output {
  'operation': (string);
  'file': (string);
  'pagesPerGroup': (number);
  'jobTimeoutNs': (number);
  'hasEndpoint': (boolean);
  'endpoint': (number);
}
