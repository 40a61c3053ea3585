// Original file: proto/lab/v1/lab.proto


export interface ReadyRequest {
}

export interface ReadyRequest__Output {
}
