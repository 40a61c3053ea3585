// Original file: proto/lab/v1/lab.proto


export interface EndpointResetRequest {
}

export interface EndpointResetRequest__Output {
}
