// Original file: proto/lab/v1/lab.proto


export interface FunctionLevelReset {
}

export interface FunctionLevelReset__Output {
}
