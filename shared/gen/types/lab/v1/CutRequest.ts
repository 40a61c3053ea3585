// Original file: proto/lab/v1/lab.proto


export interface CutRequest {
  'from'?: (string)[];
}

export interface CutRequest__Output {
  'from': (string)[];
}
