// Original file: proto/vfio/v1/vfio.proto


export interface Ioctl {
  'fd'?: (number);
  'cmd'?: (number);
  'arg'?: (Buffer | Uint8Array | string);
}

export interface Ioctl__Output {
  'fd': (number);
  'cmd': (number);
  'arg': (Buffer);
}
