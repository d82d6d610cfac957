import type { Kind } from './kinds/index.js';
import { definitionOf, knownKinds, unreadKinds } from './registry.js';
import type { Shape, ShapeField } from './schema/schema.js';
import { meshConfig } from './schemas/mesh-config.js';

/** What an unknown field does to an object of a kind, and what else its users should know. */
const NOTES: { readonly [K in Kind]: readonly string[] } = {
  VirtualService: [
    'An unknown field is reported and has no effect; in a match it makes that match never match, and a mistyped `match` makes its route never match.',
    'Only `mesh` among the gateways concerns sidecars. A path, header or query expression is RE2 and must match as a whole.',
    '`retryOn` takes conditions of Envoy and status codes. Without `retries`, MeshConfig.defaultHttpRetryPolicy applies: two retries on `connect-failure,refused-stream,unavailable,cancelled`.',
  ],
  DestinationRule: [
    'An unknown field is reported and has no effect.',
    'Outlier detection ejects a host only if the share of ejected hosts then is `maxEjectionPercent` (10 unless set) or less: of three hosts none is ever ejected with less than 34. Envoy could eject one regardless (`always_eject_one_host`), but Istio does not ask for it, and neither do we; `weft analyze` warns (WEFT0207).',
    '`loadBalancer.simple: PASSTHROUGH` needs captured traffic; where an application calls its sidecar as a proxy, LEAST_REQUEST is used.',
    '`loadBalancer.localityLbSetting` and its failover count only with `outlierDetection`, and, as in Istio, `outlierDetection` alone already prefers the nearest hosts.',
    '`tls.credentialName` names a Secret of the client’s namespace. As in Istio, a sidecar gets it only by a rule with `workloadSelector`; without one its connections fail.',
    '`loadBalancer.zoneAwareLbSetting` keeps requests within the client’s region as long as hosts there are healthy; within it zones count as Envoy weighs them: as much as can be stays in the own zone. As in Istio this needs `ISTIO_META_ENABLE_SELF_DISCOVERY: "true"` in `proxyMetadata`, so that the proxy learns where the others of its kind are, and without it all zones get their share.',
    'The panic threshold is `minHealthPercent` (0 unless set, that is, off), as in Istio.',
    '`tls.caCertificates`, `clientCertificate` and `privateKey` are files on the machine of the client.',
  ],
  ServiceEntry: [
    'An unknown field is reported and has no effect.',
    '`addresses` matter where traffic is captured, in pods.',
    'With resolution NONE a pod’s connection goes where it was going; an application that uses its sidecar as its HTTP proxy has the host looked up by DNS.',
    'A wildcard host without endpoints (resolution DYNAMIC_DNS; without capture NONE too) is looked up by what names it: the authority of a request, in pods also the server name of TLS that is passed on; with TLS of the sidecar’s own, server name and expected name are those of the request.',
    'A host without addresses gets one of 240.240.0.0/16 and one of 2001:2::/48 (in `status.addresses` on Kubernetes) unless its resolution is NONE or the object is labelled `networking.istio.io/enable-autoallocate-ip: "false"`. Sidecars with a DNS proxy (`ISTIO_META_DNS_CAPTURE: "true"` in proxyMetadata) answer it, and tell TCP services of one port by it.',
  ],
  WorkloadEntry: [
    'An unknown field is reported and has no effect.',
    '`address` and `ports` say where the application listens. The control plane allots the ports of its sidecar, and clients in the mesh connect to those. The annotation or label `sidecar.istio.io/inject: "false"` leaves a workload without a sidecar.',
    'Networks: a workload is in the one that `network`, a pod’s label `topology.istio.io/network`, a range of MeshNetworks (key `meshNetworks` of the ConfigMap `istio`), or that label of `istio-system` names. Endpoints of another network than the client’s are reached through its gateways, by mesh TLS, as far as any are known: those of MeshNetworks, and the external addresses (host names are looked up by the control plane) of Services with the label (port 15443, or the label `networking.istio.io/gatewayPort`). There a Gateway with AUTO_PASSTHROUGH takes them.',
    'A workload whose sidecar is not this control plane’s says by the label `security.istio.io/tlsMode: istio` that it takes mesh TLS.',
  ],
  WorkloadGroup: [
    'A proxy whose node says `AUTO_REGISTER_GROUP` (in Istio’s words ISTIO_META_AUTO_REGISTER_GROUP) is a workload of its group while it is connected, and ten seconds more: a WorkloadEntry of the template, with its address, labels and locality, named `GROUP-ADDRESS`. On Kubernetes the object is made and taken away again; on a machine (`weft bootstrap --group NAME --address IP`) it is there for as long. Namespace and service account of the proxy have to be those of the group.',
  ],
  Gateway: ['An unknown field is reported and has no effect.'],
  ProxyConfig: [
    'Counts when a pod gets its sidecar: the mesh’s object (of `istio-system`, without selector), then its namespace’s, then one that selects it, over MeshConfig.defaultConfig; the annotation `proxy.istio.io/config` goes over all of them.',
  ],
  Sidecar: [
    'An unknown field is reported and has no effect.',
    'An ingress port with `captureMode: NONE` (the default where a pod’s packets are not captured), or with a `bind` where a sidecar has ports of its own, is opened by the sidecar itself; its `defaultEndpoint` then has to lead elsewhere. Without `bind` it listens at every address of a pod, and at that of its WorkloadEntry on a machine.',
    '`ingress[].tls` ends TLS of clients outside of the mesh, with certificates from files. As in Istio it counts where a PeerAuthentication says DISABLE for the port; else the port takes what the PeerAuthentication lets in (`weft analyze`: WEFT0221).',
    'An egress listener may `bind` to `unix:///path` or `unix://@name`, with a port without number: behind it stand all ports of its hosts.',
  ],
  EnvoyFilter: [
    'A patch’s `value` is the JSON of an Envoy message, also as `TypedStruct`; its path is named in a warning where it holds what our own codec does not carry, and the patch then has no effect.',
    'Carried are the messages in `proto/envoy`. What our sidecar then cannot act on (a filter that it does not have, say) it rejects, and the listener stays as it was: `weft proxy-status` says why.',
    '`applyTo: BOOTSTRAP` and `EXTENSION_CONFIG` are not supported; proxyless gRPC clients get no patches.',
    'A sidecar with ports of its own has a listener for each application port: `listener.name: virtualInbound` and `portNumber` find them. Its outbound routes are one table for all ports: `routeConfiguration.portNumber` is compared with the port of each virtual host.',
  ],
  PeerAuthentication: [
    'An unknown field, or a value that cannot be read, fails closed: while no earlier version is in force, the workloads that it selects take mTLS only.',
  ],
  RequestAuthentication: [
    'An unknown field, or a value that cannot be read, fails closed: while no earlier version is in force, the workloads that it selects deny every request.',
  ],
  AuthorizationPolicy: [
    'An unknown field outside `rules`, or a value that cannot be read, fails closed: while no earlier version is in force, the workloads that it selects deny every request.',
    'A condition inside a rule that is unknown or not supported: an ALLOW rule with it matches nothing, a DENY rule applies without it.',
    '`when` takes the keys `request.headers[NAME]`, `source.ip`, `remote.ip`, `source.namespace`, `source.principal`, `destination.ip`, `destination.port` and `connection.sni`. Ports are those of the application.',
    'Action CUSTOM denies what its rules match, since nobody is asked; AUDIT marks requests in their dynamic metadata (`envoy.common`, `access_log_hint`) and changes nothing else.',
  ],
  Telemetry: ['An unknown field is reported and has no effect.', 'Providers are those of MeshConfig, and `envoy`.'],
  TrafficSplit: [
    'An unknown field is reported and has no effect. Weights are numbers or quantities such as `900m`.',
    'A VirtualService for the same host goes first.',
  ],
  Service: ['What is not listed is Kubernetes’ business and not reported.'],
  Pod: ['What is not listed is Kubernetes’ business and not reported.'],
  EndpointSlice: [
    'Where a Service is served, on Kubernetes. Without any, the ready pods that it selects serve it. Terminating endpoints that still serve are used when nothing else is left.',
  ],
  Node: [
    'Its labels `topology.kubernetes.io/region`, `topology.kubernetes.io/zone` and `topology.istio.io/subzone` are the locality of its pods.',
  ],
  Namespace: ['Its labels and annotations are read.'],
  Secret: [
    'The keys `tls.crt`, `tls.key`, `ca.crt` and `ca.crl` (or Istio’s `cert`, `key`, `cacert` and `crl`) are read where a `credentialName` names it, by proxies of its namespace only. On Kubernetes no others are watched.',
  ],
  ConfigMap: [
    'The key `mesh` of the ConfigMap `istio` in `istio-system` is the MeshConfig below; others are not read.',
  ],
};

const INTRODUCTION = `# Configuration

<!-- Made from the schemas in control-plane/api/schemas. After a change there:
     UPDATE_GOLDEN=1 npx vitest run --project unit control-plane/api/reference -->

Weft reads Istio’s own API: every kind below in every version that Istio serves. This page says for each kind which fields
are acted on and which are known but not supported yet; those are reported, by the control plane’s log, its debug port and
\`weft analyze\`, with file, line, field and what it means. An object with a value that cannot be read is not applied: its
last good version stays in force, and the others are not affected.
`;

/** docs/configuration.md. */
export function configurationReference(): string {
  const kinds = knownKinds().map((kind) => {
    const { group, versions, spec } = definitionOf(kind);
    const head = `## ${kind}\n\n\`${group === '' ? 'core' : group}\` ${versions.join(', ')}\n`;
    return [head, NOTES[kind].map((note) => `- ${note}`).join('\n'), '', ...tables(spec.shape)].join('\n');
  });
  const settings = [
    '## MeshConfig\n',
    '- An unknown field is reported and has no effect.\n',
    ...tables(meshConfig.shape),
  ];
  const unread = unreadKinds().map(([group, names]) => `- \`${group}\`: ${names.join(', ')}`);
  const others = `## Kinds that are not read\n\nNothing of these is applied, and a warning says so; so it does for kinds of Istio’s groups and of others that nobody knows. Kubernetes’ own kinds that the mesh does not need are left alone.\n\n${unread.join('\n')}\n`;
  return [INTRODUCTION, ...kinds, settings.join('\n'), others].join('\n');
}

interface Row {
  readonly path: string;
  readonly fields: string[];
}

function tables(shape: Shape | undefined): string[] {
  if (shape === undefined || shape.fields.size === 0) return [];
  const acted: Row[] = [];
  const unsupported: string[] = [];
  collect(shape, '', acted, unsupported);
  const rows = acted.filter(({ fields }) => fields.length > 0);
  return [
    '| Acted on, in | |',
    '| --- | --- |',
    ...rows.map(({ path, fields }) => `| ${path === '' ? '(top)' : `\`${path}\``} | ${fields.join(', ')} |`),
    '',
    ...(unsupported.length === 0
      ? []
      : ['| Not supported yet | What that means |', '| --- | --- |', ...unsupported, '']),
  ];
}

function collect(shape: Shape, path: string, acted: Row[], unsupported: string[]): void {
  const row: Row = { path, fields: [] };
  acted.push(row);
  for (const [name, field] of shape.fields) {
    const at = path === '' ? name : `${path}.${name}`;
    const { shape: inner } = field.schema;
    if (!field.supported) unsupported.push(`| \`${at}\` | ${field.consequence ?? ''} |`);
    else if (inner === undefined || isMatch(inner)) row.fields.push(leaf(name, field, inner));
    else collect(inner, `${at}${inner.suffix}`, acted, unsupported);
  }
}

function leaf(name: string, field: ShapeField, inner: Shape | undefined): string {
  const how = inner === undefined ? '' : ` (${[...inner.fields.keys()].join(', ')})`;
  return `\`${name}\`${how}${field.deprecated === undefined ? '' : ` (deprecated: ${field.deprecated})`}`;
}

/** A StringMatch is clearer beside the name of its field. */
function isMatch({ fields }: Shape): boolean {
  return [...fields.keys()].join() === 'exact,prefix,regex';
}
