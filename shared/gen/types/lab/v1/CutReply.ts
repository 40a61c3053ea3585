// Original file: proto/lab/v1/lab.proto


export interface CutReply {
  'broken'?: (string)[];
}

export interface CutReply__Output {
  'broken': (string)[];
}
