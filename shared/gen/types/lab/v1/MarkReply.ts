// Original file: proto/lab/v1/lab.proto


export interface MarkReply {
}

export interface MarkReply__Output {
}
