// Original file: proto/lab/v1/lab.proto


export interface ReadMemoryReply {
  'ok'?: (boolean);
  'data'?: (Buffer | Uint8Array | string);
}

export interface ReadMemoryReply__Output {
  'ok': (boolean);
  'data': (Buffer);
}
