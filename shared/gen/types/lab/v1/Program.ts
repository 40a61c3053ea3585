// Original file: proto/lab/v1/lab.proto


export interface Program {
  'processes'?: (number);
  'pages'?: (number);
  'jobs'?: (number);
  'mix'?: ({[key: string]: number | string});
  'munmap'?: (number | string);
  'unbind'?: (number | string);
  'exit'?: (number | string);
  'seed'?: (number);
}

export interface Program__Output {
  'processes': (number);
  'pages': (number);
  'jobs': (number);
  'mix': ({[key: string]: number});
  'munmap': (number);
  'unbind': (number);
  'exit': (number);
  'seed': (number);
}
