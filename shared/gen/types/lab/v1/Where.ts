// Original file: /work/main/proto/lab/v1/lab.proto


export interface Where {
  'edge'?: (string);
  'direction'?: (string);
  'record'?: (string);
  'kind'?: (string);
}

export interface Where__Output {
  'edge': (string);
  'direction': (string);
  'record': (string);
  'kind': (string);
}
