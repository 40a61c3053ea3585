// Original file: proto/lab/v1/lab.proto


export interface Received {
}

export interface Received__Output {
}
