// Original file: proto/lab/v1/lab.proto


export interface InvalidateRequest {
  'hasPasid'?: (boolean);
  'pasid'?: (number);
  'global'?: (boolean);
  'address'?: (Buffer | Uint8Array | string);
  'sizeBytes'?: (number | string);
  'itag'?: (number);
}

export interface InvalidateRequest__Output {
  'hasPasid': (boolean);
  'pasid': (number);
  'global': (boolean);
  'address': (Buffer);
  'sizeBytes': (number);
  'itag': (number);
}
