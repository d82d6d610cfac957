import type { Config__Output } from '../../../proto/gen/io/istio/http/peer_metadata/Config.js';
import type { HeaderList } from '../../http/headers.js';
import type { RequestHead } from '../../http/message.js';
import type { PeerInfo } from '../../http/stream-info.js';
import type { Issues } from '../../snapshot/issues.js';
import type { HttpFilterFactory } from '../factory.js';
import type { FilterContext, HttpFilter } from '../filter.js';
import { encodePeerMetadata, type OwnWorkload, PeerMetadataCache } from './encoding.js';

export const PEER_METADATA = 'x-envoy-peer-metadata';
export const PEER_METADATA_ID = 'x-envoy-peer-metadata-id';

export interface PeerMetadataDeps {
  readonly own: OwnWorkload;
  /** Whether a peer is a workload of the mesh: verified by mTLS, in our trust domain. */
  trusts(peer: PeerInfo): boolean;
  /** Whether a request may carry our metadata upstream: its hosts are reached by mesh mTLS. */
  goesToMesh(context: FilterContext): boolean;
}

/** Takes away what describes a sender: nobody but a proxy may say it. */
export function stripPeerMetadata(headers: HeaderList): void {
  headers.delete(PEER_METADATA);
  headers.delete(PEER_METADATA_ID);
}

/** The headers by which this proxy describes its workload, ready to be added. */
export class OwnPeerMetadata {
  private readonly value: string;

  constructor(private readonly own: OwnWorkload) {
    this.value = encodePeerMetadata(own);
  }

  addTo(headers: HeaderList): void {
    headers.set(PEER_METADATA_ID, this.own.nodeId);
    headers.set(PEER_METADATA, this.value);
  }
}

/** Whom one configuration of the filter asks, and whom it tells. */
interface Exchange {
  readonly readRequest: boolean;
  readonly readResponse: boolean;
  readonly tellUpstream: boolean;
  readonly tellDownstream: boolean;
}

/**
 * Filter io.istio.http.peer_metadata.Config: learns the peer's workload from `x-envoy-peer-metadata`, which is believed
 * only over mTLS from our trust domain, and is stripped in every case before an application sees it; sends our own.
 */
export function peerMetadataFactory(deps: PeerMetadataDeps): HttpFilterFactory {
  const cache = new PeerMetadataCache();
  const own = new OwnPeerMetadata(deps.own);
  return {
    compile: (message, place, issues) =>
      peerMetadataFilter(place.name, compileExchange(message, issues), deps, own, cache),
  };
}

function compileExchange(message: Config__Output, issues: Issues): Exchange {
  // Workloads are known from their endpoints anyway, so that way of discovery needs nothing of this filter.
  for (const field of [
    'downstream_discovery',
    'upstream_discovery',
    'downstream_propagation',
    'upstream_propagation',
  ] as const) {
    for (const method of message[field] ?? [])
      if (method.baggage !== undefined) issues.at(field).warn('baggage has no effect');
  }
  if (message.shared_with_upstream === true) issues.at('shared_with_upstream').warn('has no effect');
  const usesHeaders = (methods: readonly { readonly istio_headers?: object }[] | undefined): boolean =>
    (methods ?? []).some((method) => method.istio_headers !== undefined);
  return {
    readRequest: usesHeaders(message.downstream_discovery),
    readResponse: usesHeaders(message.upstream_discovery),
    tellUpstream: usesHeaders(message.upstream_propagation),
    tellDownstream: usesHeaders(message.downstream_propagation),
  };
}

function peerMetadataFilter(
  name: string,
  exchange: Exchange,
  deps: PeerMetadataDeps,
  own: OwnPeerMetadata,
  cache: PeerMetadataCache,
): HttpFilter {
  return {
    name,
    onRequest(context) {
      const { request, info } = context;
      const encoded = request.headers.get(PEER_METADATA);
      if (encoded !== undefined || request.headers.has(PEER_METADATA_ID)) {
        stripPeerMetadata(request.headers);
        if (deps.trusts(info.connection.peer)) {
          if (exchange.readRequest && encoded !== undefined)
            info.peerWorkload = cache.decode(encoded) ?? info.peerWorkload;
          if (exchange.tellDownstream) info.peerAsks = true;
        }
      }
      if (exchange.tellUpstream && deps.goesToMesh(context)) tell(request, own);
      return undefined;
    },
    onResponse(context, response) {
      const encoded = response.headers.get(PEER_METADATA);
      if (encoded !== undefined || response.headers.has(PEER_METADATA_ID)) {
        stripPeerMetadata(response.headers);
        const { info } = context;
        if (exchange.readResponse && encoded !== undefined && deps.trusts(info.upstreamPeer)) {
          info.peerWorkload = cache.decode(encoded) ?? info.peerWorkload;
        }
      }
      if (exchange.tellDownstream && context.info.peerAsks) own.addTo(response.headers);
    },
  };
}

function tell(request: RequestHead, own: OwnPeerMetadata): void {
  own.addTo(request.headers);
}
