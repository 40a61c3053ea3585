// Original file: proto/virtio/v1/virtio.proto


export interface ConfigWritten {
}

export interface ConfigWritten__Output {
}
