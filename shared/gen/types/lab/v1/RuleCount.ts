// Original file: proto/lab/v1/lab.proto


export interface RuleCount {
  'id'?: (string);
  'matches'?: (number);
  'fired'?: (number);
}

export interface RuleCount__Output {
  'id': (string);
  'matches': (number);
  'fired': (number);
}
