// Original file: /work/main/proto/lab/v1/lab.proto


export interface FlushReply {
}

export interface FlushReply__Output {
}
