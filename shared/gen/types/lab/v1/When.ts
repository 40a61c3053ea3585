// Original file: /work/main/proto/lab/v1/lab.proto


export interface When {
  'nth'?: (number);
  'every'?: (number);
  'times'?: (number);
  'after'?: (number);
  'condition'?: (string);
}

export interface When__Output {
  'nth': (number);
  'every': (number);
  'times': (number);
  'after': (number);
  'condition': (string);
}
