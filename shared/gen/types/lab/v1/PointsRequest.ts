// Original file: proto/lab/v1/lab.proto


export interface PointsRequest {
}

export interface PointsRequest__Output {
}
