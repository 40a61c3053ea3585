// Original file: proto/lab/v1/lab.proto


export interface DmaOutcome {
  'ok'?: (boolean);
  'data'?: (Buffer | Uint8Array | string);
  'pa'?: (Buffer | Uint8Array | string);
  'stalled'?: (boolean);
  'status'?: (string);
}

export interface DmaOutcome__Output {
  'ok': (boolean);
  'data': (Buffer);
  'pa': (Buffer);
  'stalled': (boolean);
  'status': (string);
}
