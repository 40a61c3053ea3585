// Original file: proto/lab/v1/lab.proto


export interface ReadMemoryRequest {
  'address'?: (Buffer | Uint8Array | string);
  'length'?: (number);
}

export interface ReadMemoryRequest__Output {
  'address': (Buffer);
  'length': (number);
}
