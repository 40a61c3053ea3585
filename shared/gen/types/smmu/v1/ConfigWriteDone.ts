// Original file: proto/smmu/v1/smmu.proto


export interface ConfigWriteDone {
}

export interface ConfigWriteDone__Output {
}
