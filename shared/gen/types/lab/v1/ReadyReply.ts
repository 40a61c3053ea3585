// Original file: proto/lab/v1/lab.proto


export interface ReadyReply {
  'service'?: (string);
  'pid'?: (number);
}

export interface ReadyReply__Output {
  'service': (string);
  'pid': (number);
}
