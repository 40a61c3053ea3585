// Original file: proto/vfio/v1/vfio.proto


export interface Memory {
  'backing'?: (string);
  'path'?: (string);
  'bytes'?: (Buffer | Uint8Array | string);
}

export interface Memory__Output {
  'backing': (string);
  'path': (string);
  'bytes': (Buffer);
}
