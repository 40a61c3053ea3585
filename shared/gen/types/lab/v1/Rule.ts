// Original file: proto/lab/v1/lab.proto


export interface Rule {
  'id'?: (string);
  'edge'?: (string);
  'direction'?: (string);
  'what'?: (string);
  'nth'?: (number);
  'every'?: (number);
  'times'?: (number);
  'after'?: (number);
  'condition'?: (string);
  'action'?: (string);
  'ns'?: (number | string);
}

export interface Rule__Output {
  'id': (string);
  'edge': (string);
  'direction': (string);
  'what': (string);
  'nth': (number);
  'every': (number);
  'times': (number);
  'after': (number);
  'condition': (string);
  'action': (string);
  'ns': (number);
}
