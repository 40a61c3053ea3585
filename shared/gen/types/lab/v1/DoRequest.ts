// Original file: proto/lab/v1/lab.proto

import type { EndpointAction as _lab_v1_EndpointAction, EndpointAction__Output as _lab_v1_EndpointAction__Output } from '../../lab/v1/EndpointAction.ts';

export interface DoRequest {
  'actions'?: (_lab_v1_EndpointAction)[];
}

export interface DoRequest__Output {
  'actions': (_lab_v1_EndpointAction__Output)[];
}
