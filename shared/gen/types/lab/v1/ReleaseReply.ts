// Original file: proto/lab/v1/lab.proto


export interface ReleaseReply {
}

export interface ReleaseReply__Output {
}
