// Original file: proto/lab/v1/lab.proto


export interface CompleteInvalidationOutcome {
  'policy'?: (string);
  'completed'?: (boolean);
  'outstanding'?: (number);
}

export interface CompleteInvalidationOutcome__Output {
  'policy': (string);
  'completed': (boolean);
  'outstanding': (number);
}
