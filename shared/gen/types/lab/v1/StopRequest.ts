// Original file: proto/lab/v1/lab.proto


export interface StopRequest {
}

export interface StopRequest__Output {
}
