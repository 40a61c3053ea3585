// Original file: proto/lab/v1/lab.proto


export interface FunctionState {
  'up'?: (boolean);
  'busMaster'?: (boolean);
  'pasidEnabled'?: (boolean);
  'atsEnabled'?: (boolean);
  'priEnabled'?: (boolean);
  'priStatus'?: (string)[];
  'allocation'?: (number);
}

export interface FunctionState__Output {
  'up': (boolean);
  'busMaster': (boolean);
  'pasidEnabled': (boolean);
  'atsEnabled': (boolean);
  'priEnabled': (boolean);
  'priStatus': (string)[];
  'allocation': (number);
}
