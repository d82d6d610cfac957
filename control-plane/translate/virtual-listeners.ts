import { formatClusterName } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Filter } from '../../proto/gen/envoy/config/listener/v3/Filter.js';
import type { FilterChain } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { ListenerFilter } from '../../proto/gen/envoy/config/listener/v3/ListenerFilter.js';
import type { ListenerFilterChainMatchPredicate } from '../../proto/gen/envoy/config/listener/v3/ListenerFilterChainMatchPredicate.js';
import type { CapturingSidecar } from '../model/allotment.js';
import type { MtlsMode } from '../model/peer-authentication.js';
import { isHttp, type Protocol, type Workload } from '../model/service.js';
import {
  BLACK_HOLE_CLUSTER,
  captureClusters,
  everywhere,
  familiesOf,
  INBOUND_PASSTHROUGH_CLUSTER,
  INBOUND_PORT,
  inboundSource,
  keepsSource,
  OUTBOUND_PORT,
  originalDestination,
} from './capture.js';
import { policyFields } from './cluster-policy.js';
import type { ProxyContext } from './context.js';
import { type InboundPort, inboundChains } from './inbound-chains.js';
import { type InboundResources, LONG_SILENCE_MS, openedListeners, SNIFF_MS } from './inbound-listeners.js';
import { portProtocols, servicesMetadata } from './inbound-ports.js';
import { inboundPolicy, ingressEndpoint, ingressProtocols, ingressTls, openedIngress } from './ingress.js';
import { any, bool, duration, uint32 } from './messages.js';
import { catchAllFilters } from './outbound-entry.js';
import { outboundTcpFilters } from './tcp-filters.js';

/** The two listeners to which a pod's packets are redirected, those that a Sidecar opens, and the clusters that only they use. */
export function virtualResources(
  context: ProxyContext,
  workload: Workload,
  sidecar: CapturingSidecar,
): InboundResources {
  const opened = openedListeners(context, workload);
  const ports = context.captured ? servedPorts(context, workload) : [];
  const clusters = [
    ...(context.captured ? captureClusters(context, sidecar) : []),
    ...[...ports, ...opened.map(({ port }) => port)].flatMap((port) =>
      port.application === undefined || port.cluster === INBOUND_PASSTHROUGH_CLUSTER
        ? []
        : [inboundCluster(port, port.application, sidecar)],
    ),
  ];
  const listeners = [
    ...(context.captured ? [virtualOutbound(context, sidecar), virtualInbound(context, sidecar, ports)] : []),
    ...opened.map(({ listener }) => listener),
  ];
  return {
    listeners: new Map(listeners.map((listener) => [listener.name ?? '', listener])),
    clusters: new Map(clusters.map((cluster) => [cluster.name ?? '', cluster])),
  };
}

/** Hands connections to the listener of their destination; what has none goes to where it was going, or nowhere. */
function virtualOutbound(context: ProxyContext, sidecar: CapturingSidecar): Listener {
  return {
    name: 'virtualOutbound',
    ...everywhere(familiesOf(context), OUTBOUND_PORT),
    traffic_direction: 'OUTBOUND',
    use_original_dst: bool(true),
    ...transparent(sidecar),
    filter_chains: [
      blackHole(context, 'virtualOutbound-blackhole', OUTBOUND_PORT),
      { name: 'virtualOutbound-catchall-tcp', filters: catchAllFilters(context) },
    ],
  };
}

/** A connection to the very port that others are redirected to would go in circles. */
function blackHole(context: ProxyContext, name: string, port: number): FilterChain {
  const destinations = [{ cluster: BLACK_HOLE_CLUSTER, weight: 1, policy: {}, undeclared: false }];
  const filters: Filter[] = outboundTcpFilters(context, destinations, BLACK_HOLE_CLUSTER);
  return { name, filter_chain_match: { destination_port: uint32(port) }, filters };
}

function transparent({ interception }: CapturingSidecar): Partial<Listener> {
  return interception === 'TPROXY' ? { transparent: bool(true) } : {};
}

/** Ports that services name, ports with a policy of their own, and at the end all the others together. */
function servedPorts(context: ProxyContext, workload: Workload): InboundPort[] {
  const { snapshot } = context;
  const { wildcard } = familiesOf(context);
  const protocols = ingressProtocols(context) ?? portProtocols(snapshot, workload);
  // Those have listeners of their own; what is captured on its way to them is led there.
  for (const { port } of openedIngress(context, workload)) protocols.delete(port);
  const named = [...protocols.keys()];
  const others = snapshot.peerAuthentications.ports(workload).filter((port) => !protocols.has(port));
  const ports = [...named, ...others]
    .sort((a, b) => a - b)
    .map((port): InboundPort => {
      const protocol = protocols.get(port);
      return {
        context,
        workload,
        application: port,
        protocol: protocol ?? 'auto',
        cluster: protocol === undefined ? INBOUND_PASSTHROUGH_CLUSTER : inboundName(port),
        chainName: `${wildcard}_${port}`,
        statPrefix: `inbound_${wildcard}_${port}`,
        match: { destination_port: uint32(port) },
      };
    });
  return [...ports, catchAllPort(context, workload)];
}

function catchAllPort(context: ProxyContext, workload: Workload): InboundPort {
  return {
    context,
    workload,
    application: undefined,
    protocol: 'auto',
    cluster: INBOUND_PASSTHROUGH_CLUSTER,
    chainName: 'virtualInbound-catchall',
    statPrefix: INBOUND_PASSTHROUGH_CLUSTER,
    match: {},
  };
}

function inboundName(port: number): string {
  return formatClusterName({ direction: 'inbound', port, subset: '', host: '' });
}

/** The application behind a captured port: where the connection was going, from an address that is not captured again. */
function inboundCluster(
  { context, workload, protocol, cluster }: InboundPort,
  application: number,
  sidecar: CapturingSidecar,
): Cluster {
  const { snapshot } = context;
  const endpoint = ingressEndpoint(context, workload, application);
  return {
    name: cluster,
    ...originalDestination(snapshot.settings),
    ...policyFields(inboundPolicy(context, application), protocol, 'application', snapshot.settings),
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    ...servicesMetadata(snapshot, workload, application),
    // What goes to the loopback address is not captured in any case.
    ...(context.captured &&
      (endpoint === undefined || leadsTo(endpoint, workload.address)) &&
      inboundSource(context, sidecar)),
    ...(endpoint !== undefined && { ...endpoint, lb_policy: 'ROUND_ROBIN' }),
  };
}

function leadsTo({ load_assignment: assignment }: Partial<Cluster>, address: string): boolean {
  return assignment?.endpoints?.[0]?.lb_endpoints?.[0]?.endpoint?.address?.socket_address?.address === address;
}

function virtualInbound(context: ProxyContext, sidecar: CapturingSidecar, ports: readonly InboundPort[]): Listener {
  const modes = ports.map((port) => ({ port, mode: modeOf(port) }));
  return {
    name: 'virtualInbound',
    ...everywhere(familiesOf(context), INBOUND_PORT),
    traffic_direction: 'INBOUND',
    ...transparent(sidecar),
    filter_chains: [
      blackHole(context, 'virtualInbound-blackhole', INBOUND_PORT),
      ...modes.flatMap(({ port, mode }) => inboundChains(port, mode)),
    ],
    listener_filters: listenerFilters(keepsSource(context, sidecar), modes),
    listener_filters_timeout: duration(
      context.snapshot.settings.protocolDetectionMs ?? (modes.some(mayBeSilent) ? SNIFF_MS : LONG_SILENCE_MS),
    ),
    continue_on_listener_filters_timeout: true,
  };
}

interface PortMode {
  readonly port: InboundPort;
  readonly mode: MtlsMode;
}

function modeOf({ context, workload, application }: InboundPort): MtlsMode {
  const { peerAuthentications } = context.snapshot;
  return application === undefined
    ? peerAuthentications.workloadMode(workload)
    : peerAuthentications.mode(workload, application);
}

/** A client in plain text may wait for the server to speak first. Unnamed ports do not shorten the patience for the others. */
function mayBeSilent({ port, mode }: PortMode): boolean {
  return port.application !== undefined && mode !== 'strict' && !isHttp(port.protocol);
}

function listenerFilters(clientSource: boolean, modes: readonly PortMode[]): ListenerFilter[] {
  const source: ListenerFilter = {
    name: 'envoy.filters.listener.original_src',
    typed_config: any(EXTENSION.originalSrc, { mark: 1337 }),
  };
  return [
    { name: 'envoy.filters.listener.original_dst', typed_config: any(EXTENSION.originalDst) },
    ...(clientSource ? [source] : []),
    {
      name: 'envoy.filters.listener.tls_inspector',
      typed_config: any(EXTENSION.tlsInspector),
      ...disabledAt(modes.filter(({ port, mode }) => mode === 'disable' && !endsTls(port))),
    },
    {
      name: 'envoy.filters.listener.http_inspector',
      typed_config: any(EXTENSION.httpInspector),
      ...disabledAt(modes.filter(({ port, mode }) => mode === 'strict' || !isDetected(port.protocol))),
    },
  ];
}

function endsTls({ context, workload, application }: InboundPort): boolean {
  return ingressTls(context, workload, application) !== undefined;
}

function isDetected(protocol: Protocol): boolean {
  return protocol === 'auto';
}

/** Ports whose connections a listener filter is not to wait for. */
function disabledAt(modes: readonly PortMode[]): Partial<ListenerFilter> {
  const rules = modes.flatMap(({ port: { application } }): ListenerFilterChainMatchPredicate[] =>
    application === undefined ? [] : [{ destination_port_range: { start: application, end: application + 1 } }],
  );
  const [only] = rules;
  if (only === undefined) return {};
  return { filter_disabled: rules.length === 1 ? only : { or_match: { rules } } };
}
