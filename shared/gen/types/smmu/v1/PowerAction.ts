// Original file: proto/smmu/v1/smmu.proto

export const PowerAction = {
  reset: 'reset',
} as const;

export type PowerAction =
  | 'reset'
  | 0

export type PowerAction__Output = typeof PowerAction[keyof typeof PowerAction]
