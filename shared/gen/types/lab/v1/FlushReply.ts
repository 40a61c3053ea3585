// Original file: proto/lab/v1/lab.proto


export interface FlushReply {
}

export interface FlushReply__Output {
}
