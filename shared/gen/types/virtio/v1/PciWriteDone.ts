// Original file: proto/virtio/v1/virtio.proto


export interface PciWriteDone {
}

export interface PciWriteDone__Output {
}
