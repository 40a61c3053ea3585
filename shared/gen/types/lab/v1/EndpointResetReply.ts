// Original file: proto/lab/v1/lab.proto


export interface EndpointResetReply {
}

export interface EndpointResetReply__Output {
}
