// Original file: proto/lab/v1/lab.proto


export interface CompleteInvalidation {
  'policy'?: (string);
  'itag'?: (number);
  'afterNs'?: (number | string);
}

export interface CompleteInvalidation__Output {
  'policy': (string);
  'itag': (number);
  'afterNs': (number);
}
