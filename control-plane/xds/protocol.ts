import type { EncodedResource } from './encoded.js';
import type { DeltaRequest, DiscoveryResponse, Request } from './service.js';
import { hasWildcard, type Watch } from './watch.js';
import { DeltaResponse } from './wire.js';

/** A response of either protocol, before it is put into words. */
export interface Reply {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly EncodedResource[];
  readonly removed: readonly string[];
}

/** Where state-of-the-world and delta differ. */
export interface Protocol<Req, Res> {
  readonly delta: boolean;
  /** Takes the client's wishes over; `first` when it is the stream's first request for the type. */
  subscribe(watch: Watch, request: Req, first: boolean): void;
  toResponse(reply: Reply): Res;
}

export const stateOfTheWorld: Protocol<Request, DiscoveryResponse> = {
  delta: false,
  subscribe(watch, request, first) {
    const names = request.resource_names ?? [];
    if (first && names.length === 0) {
      watch.wildcard = hasWildcard(watch.typeUrl);
      return;
    }
    // An empty list on a wildcard subscription goes on meaning everything.
    if (names.length === 0 && watch.wildcard) return;
    const grew = watch.replaceNames(names);
    // Here absence from a complete list is the only way to say that a resource does not exist.
    if (grew && hasWildcard(watch.typeUrl)) watch.owed = true;
  },
  toResponse: ({ typeUrl, nonce, version, resources }) => ({
    version_info: version,
    type_url: typeUrl,
    nonce,
    resources: resources.map(({ bytes }) => ({ type_url: typeUrl, value: bytes })),
  }),
};

export const delta: Protocol<DeltaRequest, DeltaResponse> = {
  delta: true,
  subscribe(watch, request, first) {
    const names = request.resource_names_subscribe ?? [];
    if (first && names.length === 0) watch.wildcard = hasWildcard(watch.typeUrl);
    watch.unsubscribe(request.resource_names_unsubscribe ?? []);
    watch.subscribe(names);
    if (first) watch.hold(request.initial_resource_versions ?? {});
  },
  toResponse: (reply) => new DeltaResponse(reply),
};
