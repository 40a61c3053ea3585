// Original file: proto/vfio/v1/vfio.proto


export interface Signal {
  'fd'?: (number);
  'value'?: (number);
}

export interface Signal__Output {
  'fd': (number);
  'value': (number);
}
