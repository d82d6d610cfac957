import type { ProxyConfig, ProxyTracing } from '../kinds/mesh-config.js';
import { object, unsupported } from '../schema/object.js';
import { bool, count32, duration, durationFrom, enumOf, number, port, uint32 } from '../schema/scalars.js';
import { anything, map, type Schema } from '../schema/schema.js';
import { text, texts } from './shared.js';
import { customTag } from './telemetry.js';

const noEffect = unsupported(anything);
const noText = unsupported(text);
const noPort = unsupported(port, "the sidecar's ports are allotted or standard");
const textMap = map(text);

const otherTracer = unsupported(anything, 'no span is reported to it');

const proxyTracing: Schema<ProxyTracing> = object<ProxyTracing>({
  zipkin: object<NonNullable<ProxyTracing['zipkin']>>({ address: text }),
  lightstep: otherTracer,
  datadog: otherTracer,
  stackdriver: otherTracer,
  openCensusAgent: otherTracer,
  customTags: map(customTag),
  maxPathTagLength: uint32,
  sampling: number(0, 100),
  tlsSettings: unsupported(anything, 'the mesh chooses TLS for the collector as for every service'),
  enableIstioTags: bool,
});

/** MeshConfig.defaultConfig, and a pod's annotation `proxy.istio.io/config`. What concerns a sidecar's start counts in pods. */
export const proxyConfig: Schema<ProxyConfig> = object<ProxyConfig>({
  drainDuration: durationFrom(0),
  terminationDrainDuration: durationFrom(0),
  gatewayTopology: object<NonNullable<ProxyConfig['gatewayTopology']>>({
    numTrustedProxies: uint32,
    forwardClientCertDetails: enumOf(
      'UNDEFINED',
      'SANITIZE',
      'FORWARD_ONLY',
      'APPEND_FORWARD',
      'SANITIZE_SET',
      'ALWAYS_FORWARD_ONLY',
    ),
    proxyProtocol: object<Readonly<Record<string, never>>>({}),
  }),
  proxyHeaders: unsupported(anything, 'the standard headers are added'),
  configPath: noText,
  binaryPath: noText,
  serviceCluster: noText,
  tracingServiceName: noText,
  discoveryAddress: text,
  discoveryRefreshDelay: unsupported(duration),
  zipkinAddress: noText,
  statsdUdpAddress: noText,
  envoyMetricsServiceAddress: noText,
  proxyAdminPort: noPort,
  availabilityZone: noText,
  controlPlaneAuthPolicy: noText,
  customConfigFile: noText,
  statNameLength: unsupported(count32),
  concurrency: unsupported(count32, 'a sidecar has one event loop'),
  proxyBootstrapTemplatePath: noText,
  interceptionMode: enumOf('REDIRECT', 'TPROXY', 'NONE'),
  tracing: proxyTracing,
  sds: noEffect,
  envoyAccessLogService: noEffect,
  envoyMetricsService: noEffect,
  proxyMetadata: textMap,
  runtimeValues: unsupported(textMap),
  statusPort: port,
  extraStatTags: unsupported(texts),
  meshId: text,
  readinessProbe: noEffect,
  proxyStatsMatcher: noEffect,
  holdApplicationUntilProxyStarts: bool,
  caCertificatesPem: unsupported(texts, 'only the root of this mesh is trusted'),
  image: noEffect,
  privateKeyProvider: noEffect,
  fileFlushInterval: unsupported(duration),
  fileFlushMinSizeKb: unsupported(uint32),
  statsCompression: unsupported(bool),
  connectionSettings: noEffect,
});
