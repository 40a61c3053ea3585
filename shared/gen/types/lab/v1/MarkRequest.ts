// Original file: proto/lab/v1/lab.proto


export interface MarkRequest {
  'kind'?: (string);
  'fields'?: (string);
}

export interface MarkRequest__Output {
  'kind': (string);
  'fields': (string);
}
