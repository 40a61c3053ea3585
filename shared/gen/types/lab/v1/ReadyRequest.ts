// Original file: /work/main/proto/lab/v1/lab.proto


export interface ReadyRequest {
}

export interface ReadyRequest__Output {
}
