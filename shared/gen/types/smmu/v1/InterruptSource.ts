// Original file: proto/smmu/v1/smmu.proto

export const InterruptSource = {
  EVENTQ: 'EVENTQ',
  PRIQ: 'PRIQ',
  CMD_SYNC: 'CMD_SYNC',
  GERROR: 'GERROR',
  MSI: 'MSI',
  MEMORY: 'MEMORY',
  SLOT: 'SLOT',
} as const;

export type InterruptSource =
  | 'EVENTQ'
  | 0
  | 'PRIQ'
  | 1
  | 'CMD_SYNC'
  | 2
  | 'GERROR'
  | 3
  | 'MSI'
  | 4
  | 'MEMORY'
  | 5
  | 'SLOT'
  | 6

export type InterruptSource__Output = typeof InterruptSource[keyof typeof InterruptSource]
