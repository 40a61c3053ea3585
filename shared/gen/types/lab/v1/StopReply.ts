// Original file: /work/main/proto/lab/v1/lab.proto


export interface StopReply {
}

export interface StopReply__Output {
}
