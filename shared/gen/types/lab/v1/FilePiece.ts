// Original file: proto/lab/v1/lab.proto


export interface FilePiece {
  'name'?: (string);
  'bytes'?: (Buffer | Uint8Array | string);
}

export interface FilePiece__Output {
  'name': (string);
  'bytes': (Buffer);
}
