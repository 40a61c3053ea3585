// Original file: proto/lab/v1/lab.proto


export interface StopMarker {
  'pasid'?: (number);
}

export interface StopMarker__Output {
  'pasid': (number);
}
