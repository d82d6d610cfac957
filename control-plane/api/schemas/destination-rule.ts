import { Code } from '../codes.js';
import type {
  ClientTlsSettings,
  ConnectionPoolSettings,
  ConsistentHash,
  DestinationRuleSpec,
  LoadBalancerSettings,
  LocalityFailover,
  LocalityLoadBalancerSetting,
  OutlierDetection,
  PortTrafficPolicy,
  Subset,
  TrafficPolicy,
  ZoneAwareLoadBalancerSetting,
} from '../kinds/destination-rule.js';
import { deprecated, object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import {
  bool,
  count32,
  duration,
  durationFrom,
  enumOf,
  int,
  int32,
  number,
  port,
  string,
  uint32,
  uint64,
} from '../schema/scalars.js';
import { list, map, refine, type Schema } from '../schema/schema.js';
import { exportTo, host, labels, matchLabels, nonEmpty, portSelector, text, texts } from './shared.js';

const failovers = list(object<LocalityFailover>({ from: text, to: text }));

export const localityLbSetting: Schema<LocalityLoadBalancerSetting> = object<LocalityLoadBalancerSetting>({
  distribute: list(
    object<{ readonly from?: string; readonly to?: Readonly<Record<string, number>> }>({ from: text, to: map(uint32) }),
  ),
  failover: failovers,
  failoverPriority: texts,
  enabled: bool,
});

export const zoneAware: Schema<ZoneAwareLoadBalancerSetting> = object<ZoneAwareLoadBalancerSetting>({
  enabled: bool,
  failover: failovers,
  failoverPriority: texts,
  minClusterSize: int(1, Number.MAX_SAFE_INTEGER),
});

const consistentHash: Schema<ConsistentHash> = object<ConsistentHash>(
  {
    httpHeaderName: nonEmpty,
    httpCookie: object<NonNullable<ConsistentHash['httpCookie']>>({
      name: required(nonEmpty),
      path: text,
      ttl: durationFrom(0),
      attributes: list(
        object<{ readonly name: string; readonly value?: string }>({ name: required(nonEmpty), value: text }),
      ),
    }),
    useSourceIp: bool,
    httpQueryParameterName: nonEmpty,
    ringHash: object<{ readonly minimumRingSize?: number }>({ minimumRingSize: int(0, 8_388_608) }),
    maglev: object<{ readonly tableSize?: number }>({
      tableSize: refine(int(0, 5_000_011), (size, path, report) => {
        if (size !== 0 && !isPrime(size)) report.error(path, `must be a prime number, got ${size}`);
      }),
    }),
    minimumRingSize: deprecated(uint64, 'use ringHash.minimumRingSize'),
  },
  {
    exactlyOne: [['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName']],
    atMostOne: [['ringHash', 'maglev']],
  },
);

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}

const EVENLY = 'hosts are picked without regard to it';

const simple = refine(
  enumOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
  (value, path, report) => {
    if (value === 'LEAST_CONN') report.warn(Code.deprecated, path, 'LEAST_CONN is deprecated: use LEAST_REQUEST');
  },
);

const loadBalancer: Schema<LoadBalancerSettings> = object<LoadBalancerSettings>(
  {
    simple,
    consistentHash,
    localityLbSetting,
    zoneAwareLbSetting: zoneAware,
    warmupDurationSecs: deprecated(duration, 'use warmup'),
    warmup: object<NonNullable<LoadBalancerSettings['warmup']>>({
      duration: required(duration),
      minimumPercent: number(0, 100),
      aggression: number(1, Number.MAX_VALUE),
    }),
    backendUtilization: unsupported(
      object<NonNullable<LoadBalancerSettings['backendUtilization']>>({
        metricNamesForComputingUtilization: texts,
        errorUtilizationPenaltyPercent: uint32,
        weightExpirationPeriod: duration,
        weightStabilizationPeriod: duration,
        weightUpdatePeriod: duration,
      }),
      EVENLY,
    ),
  },
  { atMostOne: [['simple', 'consistentHash', 'backendUtilization']] },
);

type TcpSettings = NonNullable<ConnectionPoolSettings['tcp']>;
type HttpSettings = NonNullable<ConnectionPoolSettings['http']>;

export const tcpKeepalive = object<NonNullable<TcpSettings['tcpKeepalive']>>({
  probes: uint32,
  time: duration,
  interval: duration,
});

export const connectionPool: Schema<ConnectionPoolSettings> = object<ConnectionPoolSettings>({
  tcp: object<TcpSettings>({
    maxConnections: count32,
    connectTimeout: duration,
    tcpKeepalive,
    maxConnectionDuration: duration,
    idleTimeout: duration,
  }),
  http: object<HttpSettings>({
    http1MaxPendingRequests: count32,
    http2MaxRequests: count32,
    maxRequestsPerConnection: count32,
    maxRetries: count32,
    idleTimeout: duration,
    h2UpgradePolicy: enumOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
    useClientProtocol: bool,
    maxConcurrentStreams: count32,
    http2KeepAlive: object<NonNullable<HttpSettings['http2KeepAlive']>>({ interval: duration, timeout: duration }),
  }),
});

export const outlierDetection: Schema<OutlierDetection> = object<OutlierDetection>({
  consecutiveErrors: deprecated(int32, 'it has no effect; use consecutive5xxErrors or consecutiveGatewayErrors'),
  splitExternalLocalOriginErrors: bool,
  consecutiveLocalOriginFailures: uint32,
  consecutiveGatewayErrors: uint32,
  consecutive5xxErrors: uint32,
  interval: duration,
  baseEjectionTime: duration,
  maxEjectionPercent: int(0, 100),
  minHealthPercent: int(0, 100),
  outlierDetectionHttpErrorCodes: list(int(100, 599)),
});

export const clientTls: Schema<ClientTlsSettings> = object<ClientTlsSettings>(
  {
    mode: enumOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
    clientCertificate: text,
    privateKey: text,
    caCertificates: text,
    credentialName: text,
    subjectAltNames: texts,
    sni: text,
    insecureSkipVerify: bool,
    caCrl: text,
  },
  { check: checkTls },
);

function checkTls(tls: ClientTlsSettings, path: string, report: Report): void {
  if (tls.mode === 'MUTUAL' && tls.credentialName === undefined) {
    for (const name of ['clientCertificate', 'privateKey'] as const) {
      if (!tls[name]) report.error(childPath(path, name), 'is required with mode MUTUAL');
    }
  }
  if (tls.mode !== 'ISTIO_MUTUAL') return;
  for (const name of ['clientCertificate', 'privateKey', 'caCertificates', 'credentialName'] as const) {
    if (tls[name])
      report.error(childPath(path, name), 'must not be set with mode ISTIO_MUTUAL, which uses the mesh identity');
  }
}

const portTrafficPolicy: Schema<PortTrafficPolicy> = object<PortTrafficPolicy>({
  port: portSelector,
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls: clientTls,
});

const trafficPolicy: Schema<TrafficPolicy> = object<TrafficPolicy>({
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls: clientTls,
  portLevelSettings: refine(list(portTrafficPolicy, { max: 4_096 }), (policies, path, report) => {
    for (const [index, policy] of policies.entries()) {
      if (policy.port?.number === undefined && !report.failed) {
        report.error(
          childPath(childPath(path, index), 'port'),
          'must have a number, the port that these settings are for',
        );
      }
    }
  }),
  tunnel: refine(
    object<NonNullable<TrafficPolicy['tunnel']>>({
      protocol: text,
      targetHost: required(nonEmpty),
      targetPort: required(port),
    }),
    ({ protocol = '' }, path, report) => {
      const at = childPath(path, 'protocol');
      if (!['', 'CONNECT', 'POST'].includes(protocol)) report.error(at, 'must be CONNECT or POST');
    },
  ),
  proxyProtocol: object<NonNullable<TrafficPolicy['proxyProtocol']>>({ version: enumOf('V1', 'V2') }),
  retryBudget: object<NonNullable<TrafficPolicy['retryBudget']>>({
    percent: number(0, 100),
    minRetryConcurrency: uint32,
    budgetInterval: durationFrom(0),
  }),
});

const subset: Schema<Subset> = object<Subset>({
  name: required(string({ min: 1, max: 253 })),
  labels,
  trafficPolicy,
});

/** DestinationRule (networking.istio.io). */
export const destinationRule: Schema<DestinationRuleSpec> = object<DestinationRuleSpec>({
  host: required(host),
  trafficPolicy,
  subsets: refine(list(subset), (subsets, path, report) => {
    const seen = new Set<string>();
    for (const [index, { name }] of subsets.entries()) {
      if (seen.has(name)) report.error(childPath(childPath(path, index), 'name'), `subset "${name}" is there already`);
      seen.add(name);
    }
  }),
  exportTo,
  workloadSelector: matchLabels,
});
