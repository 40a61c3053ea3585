// Original file: proto/lab/v1/lab.proto


export interface StopReply {
}

export interface StopReply__Output {
}
