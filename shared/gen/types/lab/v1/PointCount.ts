// Original file: proto/lab/v1/lab.proto


export interface PointCount {
  'id'?: (string);
  'sentence'?: (string);
  'kind'?: (string);
  'reached'?: (number);
}

export interface PointCount__Output {
  'id': (string);
  'sentence': (string);
  'kind': (string);
  'reached': (number);
}
