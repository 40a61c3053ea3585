// Original file: proto/virtio/v1/virtio.proto


export interface GetFeatures {
}

export interface GetFeatures__Output {
}
