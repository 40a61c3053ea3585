// Original file: proto/lab/v1/lab.proto


export interface Link {
  'up'?: (boolean);
}

export interface Link__Output {
  'up': (boolean);
}
