// Original file: proto/virtio/v1/virtio.proto

export const InterruptSource = {
  config: 'config',
  msix: 'msix',
  slot: 'slot',
} as const;

export type InterruptSource =
  | 'config'
  | 0
  | 'msix'
  | 1
  | 'slot'
  | 2

export type InterruptSource__Output = typeof InterruptSource[keyof typeof InterruptSource]
