import type { ServiceDefinition } from '@grpc/grpc-js';
import { method } from '../../common/xds/grpc-method.js';
import type { DeltaDiscoveryRequest__Output as DeltaRequest } from '../../proto/gen/envoy/service/discovery/v3/DeltaDiscoveryRequest.js';
import type { DeltaDiscoveryResponse } from '../../proto/gen/envoy/service/discovery/v3/DeltaDiscoveryResponse.js';
import type { DiscoveryRequest__Output as Request } from '../../proto/gen/envoy/service/discovery/v3/DiscoveryRequest.js';
import type { DiscoveryResponse } from '../../proto/gen/envoy/service/discovery/v3/DiscoveryResponse.js';
import { DeltaRequestReader } from './delta-request.js';
import { DeltaResponse } from './wire.js';

export type { DeltaDiscoveryResponse, DeltaRequest, DiscoveryResponse, Request };

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const MESSAGES = 'envoy.service.discovery.v3';

const deltaMethod = method<DeltaRequest, DeltaDiscoveryResponse>({
  path: `${SERVICE}/DeltaAggregatedResources`,
  streaming: true,
  request: `${MESSAGES}.DeltaDiscoveryRequest`,
  response: `${MESSAGES}.DeltaDiscoveryResponse`,
});

const requests = new DeltaRequestReader();

export const ADS_SERVICE = {
  StreamAggregatedResources: method<Request, DiscoveryResponse>({
    path: `${SERVICE}/StreamAggregatedResources`,
    streaming: true,
    request: `${MESSAGES}.DiscoveryRequest`,
    response: `${MESSAGES}.DiscoveryResponse`,
  }),
  DeltaAggregatedResources: {
    ...deltaMethod,
    requestDeserialize: (bytes: Buffer): DeltaRequest => requests.read(bytes),
    // Ours are put together of what was encoded once for all proxies.
    responseSerialize: (message: DeltaDiscoveryResponse | DeltaResponse): Buffer =>
      message instanceof DeltaResponse ? message.plain().toBuffer() : deltaMethod.responseSerialize(message),
  },
} satisfies ServiceDefinition;
