// Original file: proto/vfio/v1/vfio.proto


export interface Ack {
  'n'?: (number);
}

export interface Ack__Output {
  'n': (number);
}
