// Original file: proto/lab/v1/lab.proto


export interface TraceBatch {
  'events'?: (string)[];
  'marker'?: (number);
}

export interface TraceBatch__Output {
  'events': (string)[];
  'marker': (number);
}
