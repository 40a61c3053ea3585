// Original file: proto/lab/v1/lab.proto


export interface FiredRequest {
}

export interface FiredRequest__Output {
}
