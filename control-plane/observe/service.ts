import type { ServiceDefinition } from '@grpc/grpc-js';
import { OBSERVE_METHOD } from '../../common/observe/wire.js';
import { method } from '../../common/xds/grpc-method.js';
import type { FromProxy__Output } from '../../proto/gen/weft/observe/v1/FromProxy.js';
import type { ToProxy } from '../../proto/gen/weft/observe/v1/ToProxy.js';

export const OBSERVATION_SERVICE = {
  Observe: method<FromProxy__Output, ToProxy>({
    path: OBSERVE_METHOD,
    streaming: true,
    request: 'weft.observe.v1.FromProxy',
    response: 'weft.observe.v1.ToProxy',
  }),
} satisfies ServiceDefinition;
