// Original file: proto/lab/v1/lab.proto

import type { PointCount as _lab_v1_PointCount, PointCount__Output as _lab_v1_PointCount__Output } from '../../lab/v1/PointCount.ts';

export interface PointsReply {
  'points'?: (_lab_v1_PointCount)[];
}

export interface PointsReply__Output {
  'points': (_lab_v1_PointCount__Output)[];
}
