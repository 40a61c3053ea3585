// Original file: proto/lab/v1/lab.proto


export interface ArmReply {
}

export interface ArmReply__Output {
}
