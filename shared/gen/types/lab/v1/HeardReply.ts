// Original file: proto/lab/v1/lab.proto


export interface HeardReply {
}

export interface HeardReply__Output {
}
