// Original file: proto/lab/v1/lab.proto


export interface QueueResult {
  'ok'?: (boolean);
  'error'?: (string);
  'endpoint'?: (number);
  'queue'?: (number);
  'pasid'?: (number);
  'jobs'?: (number);
  'faultsHandled'?: (number);
  'outputFrom'?: (number | string);
  'outputBytes'?: (number | string);
}

export interface QueueResult__Output {
  'ok': (boolean);
  'error': (string);
  'endpoint': (number);
  'queue': (number);
  'pasid': (number);
  'jobs': (number);
  'faultsHandled': (number);
  'outputFrom': (number);
  'outputBytes': (number);
}
