import { encodeMessage } from '../../common/xds/codec.js';
import { type DecodedResponse, decodeDelta, decodeSotw } from './decode.js';
import type { ResourceError } from './resources.js';
import type { Subscription } from './subscription.js';

/** What differs between the two variants of ADS. */
export interface AdsProtocol {
  /** gRPC method path. */
  readonly method: string;
  /** Whether an LDS or CDS response holds everything, so that what it leaves out is gone. */
  readonly complete: boolean;
  decode(bytes: Buffer): DecodedResponse;
  /** The first request of a type on a stream; undefined when there is nothing to ask for. */
  initialRequest(subscription: Subscription): object | undefined;
  /** After the wanted names changed. */
  changeRequest(subscription: Subscription): object;
  /** Answer to a response: ACK when `errors` is empty. */
  answer(subscription: Subscription, nonce: string, errors: readonly ResourceError[]): object;
  encode(request: object): Buffer;
}

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const MESSAGE = 'type.googleapis.com/envoy.service.discovery.v3';

export const stateOfTheWorld: AdsProtocol = {
  method: `${SERVICE}/StreamAggregatedResources`,
  complete: true,
  decode: decodeSotw,
  initialRequest(subscription) {
    subscription.takeChanges();
    // An empty list would mean "everything", so a type by name waits for its first name.
    if (!subscription.wildcard && subscription.names.size === 0) return undefined;
    return sotwRequest(subscription);
  },
  changeRequest(subscription) {
    subscription.takeChanges();
    return sotwRequest(subscription);
  },
  answer(subscription, nonce, errors) {
    subscription.nonce = nonce;
    return { ...sotwRequest(subscription), ...errorDetail(errors) };
  },
  encode: (request) => encodeMessage(`${MESSAGE}.DiscoveryRequest`, request),
};

export const delta: AdsProtocol = {
  method: `${SERVICE}/DeltaAggregatedResources`,
  complete: false,
  decode: decodeDelta,
  initialRequest(subscription) {
    const { added } = subscription.takeChanges();
    if (!subscription.wildcard && added.length === 0) return undefined;
    return {
      type_url: subscription.typeUrl,
      resource_names_subscribe: added,
      initial_resource_versions: Object.fromEntries(subscription.versions),
    };
  },
  changeRequest(subscription) {
    const { added, dropped } = subscription.takeChanges();
    return { type_url: subscription.typeUrl, resource_names_subscribe: added, resource_names_unsubscribe: dropped };
  },
  answer(subscription, nonce, errors) {
    subscription.nonce = nonce;
    return { type_url: subscription.typeUrl, response_nonce: nonce, ...errorDetail(errors) };
  },
  encode: (request) => encodeMessage(`${MESSAGE}.DeltaDiscoveryRequest`, request),
};

function sotwRequest(subscription: Subscription): object {
  return {
    type_url: subscription.typeUrl,
    ...(subscription.version === '' ? {} : { version_info: subscription.version }),
    ...(subscription.nonce === '' ? {} : { response_nonce: subscription.nonce }),
    resource_names: subscription.wildcard ? [] : [...subscription.names],
  };
}

/** google.rpc.Status with INVALID_ARGUMENT, naming each resource and its reason. */
function errorDetail(errors: readonly ResourceError[]): object {
  if (errors.length === 0) return {};
  const message = errors.map(({ resource, message: reason }) => `${resource}: ${reason}`).join('\n');
  return { error_detail: { code: 3, message } };
}
