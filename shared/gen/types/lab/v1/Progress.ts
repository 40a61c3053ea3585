// Original file: proto/lab/v1/lab.proto


export interface Progress {
  'bytesDone'?: (number | string);
}

export interface Progress__Output {
  'bytesDone': (number);
}
