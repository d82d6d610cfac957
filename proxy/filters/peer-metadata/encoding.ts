import { decodeMessage, encodeMessage } from '../../../common/xds/codec.js';
import type { Struct__Output } from '../../../proto/gen/google/protobuf/Struct.js';
import type { WorkloadInfo } from '../../http/stream-info.js';

const STRUCT = 'type.googleapis.com/google.protobuf.Struct';
/** Longest header value that is decoded; Istio's own are a few hundred characters. */
const MAX_ENCODED = 16_384;

/** What a sidecar tells about its workload, and its node ID. */
export interface OwnWorkload extends WorkloadInfo {
  /** `sidecar~IP~POD.NAMESPACE~DOMAIN`. */
  readonly nodeId: string;
  /** Name of the instance: the pod. */
  readonly instance: string;
  /** `kubernetes://apis/apps/v1/namespaces/NS/deployments/NAME`; may be empty. */
  readonly owner: string;
}

/** Value of `x-envoy-peer-metadata`: base64 of a google.protobuf.Struct with the keys of Istio's node metadata. */
export function encodePeerMetadata(own: OwnWorkload): string {
  const labels = {
    'service.istio.io/canonical-name': own.canonicalService,
    'service.istio.io/canonical-revision': own.canonicalRevision,
    app: own.app,
    version: own.version,
  };
  const fields = {
    ...strings({
      NAME: own.instance,
      NAMESPACE: own.namespace,
      WORKLOAD_NAME: own.workload,
      OWNER: own.owner,
      CLUSTER_ID: own.cluster,
    }),
    LABELS: { structValue: { fields: strings(labels) } },
  };
  return encodeMessage(STRUCT, { fields }).toString('base64');
}

function strings(values: Readonly<Record<string, string>>): Record<string, { stringValue: string }> {
  const set = Object.entries(values).filter(([, value]) => value !== '');
  return Object.fromEntries(set.map(([key, value]) => [key, { stringValue: value }]));
}

/** The workload that a value of `x-envoy-peer-metadata` describes; undefined when it is not readable. */
export function decodePeerMetadata(encoded: string): WorkloadInfo | undefined {
  if (encoded === '' || encoded.length > MAX_ENCODED) return undefined;
  let struct: Struct__Output;
  try {
    struct = decodeMessage<Struct__Output>(STRUCT, Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
  const labels = struct.fields?.['LABELS']?.structValue;
  const workload = text(struct, 'WORKLOAD_NAME');
  const app = text(labels, 'app');
  const version = text(labels, 'version');
  return {
    workload,
    namespace: text(struct, 'NAMESPACE'),
    canonicalService: firstOf(text(labels, 'service.istio.io/canonical-name'), app, workload),
    canonicalRevision: firstOf(text(labels, 'service.istio.io/canonical-revision'), version, 'latest'),
    app,
    version,
    cluster: text(struct, 'CLUSTER_ID'),
  };
}

function text(struct: Struct__Output | undefined, key: string): string {
  return struct?.fields?.[key]?.stringValue ?? '';
}

function firstOf(...values: string[]): string {
  return values.find((value) => value !== '') ?? '';
}

/** Remembers what the latest distinct values mean: peers send the same one with every request. */
export class PeerMetadataCache {
  private readonly known = new Map<string, WorkloadInfo | undefined>();

  constructor(private readonly limit = 512) {}

  decode(encoded: string): WorkloadInfo | undefined {
    const found = this.known.get(encoded);
    if (found !== undefined || this.known.has(encoded)) return found;
    const decoded = decodePeerMetadata(encoded);
    if (this.known.size >= this.limit) {
      const oldest = this.known.keys().next();
      if (oldest.done !== true) this.known.delete(oldest.value);
    }
    this.known.set(encoded, decoded);
    return decoded;
  }
}
