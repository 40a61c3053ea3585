// Original file: proto/virtio/v1/virtio.proto


export interface GetStatus {
}

export interface GetStatus__Output {
}
