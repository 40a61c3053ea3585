// Original file: /work/main/proto/lab/v1/lab.proto


export interface Do {
  'action'?: (string);
  'ns'?: (number | string);
}

export interface Do__Output {
  'action': (string);
  'ns': (number);
}
