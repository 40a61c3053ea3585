// Original file: proto/smmu/v1/smmu.proto


export interface PowerDone {
}

export interface PowerDone__Output {
}
