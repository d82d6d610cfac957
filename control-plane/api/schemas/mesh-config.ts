import type { ExtensionProvider, MeshConfigSpec, MeshTlsConfig } from '../kinds/mesh-config.js';
import { object, required, unsupported } from '../schema/object.js';
import { bool, duration, durationFrom, enumOf, port } from '../schema/scalars.js';
import { anything, list, map, type Schema } from '../schema/schema.js';
import {
  clientTls,
  connectionPool,
  localityLbSetting,
  outlierDetection,
  tcpKeepalive,
  zoneAware,
} from './destination-rule.js';
import { proxyConfig } from './proxy-config.js';
import { exportTo, nonEmpty, text, texts } from './shared.js';
import { retries } from './virtual-service.js';

const tls: Schema<MeshTlsConfig> = object<MeshTlsConfig>({
  minProtocolVersion: enumOf('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'),
  ecdhCurves: texts,
  cipherSuites: texts,
});

type FileAccessLog = NonNullable<ExtensionProvider['envoyFileAccessLog']>;

const opaque = unsupported(anything, 'a provider of this kind is not used');

const extensionProvider: Schema<ExtensionProvider> = object<ExtensionProvider>(
  {
    name: required(nonEmpty),
    envoyFileAccessLog: object<FileAccessLog>({
      path: text,
      logFormat: object<NonNullable<FileAccessLog['logFormat']>>(
        { text, labels: map(anything) },
        { atMostOne: [['text', 'labels']] },
      ),
      omitEmptyValues: bool,
    }),
    prometheus: object<Readonly<Record<string, never>>>({}),
    envoyExtAuthzHttp: opaque,
    envoyExtAuthzGrpc: opaque,
    zipkin: opaque,
    lightstep: opaque,
    datadog: opaque,
    stackdriver: opaque,
    opencensus: opaque,
    skywalking: opaque,
    opentelemetry: opaque,
    envoyHttpAls: opaque,
    envoyTcpAls: opaque,
    envoyOtelAls: opaque,
    sds: opaque,
  },
  {
    exactlyOne: [
      [
        'envoyFileAccessLog',
        'prometheus',
        'envoyExtAuthzHttp',
        'envoyExtAuthzGrpc',
        'zipkin',
        'lightstep',
        'datadog',
        'stackdriver',
        'opencensus',
        'skywalking',
        'opentelemetry',
        'envoyHttpAls',
        'envoyTcpAls',
        'envoyOtelAls',
        'sds',
      ],
    ],
  },
);

const noEffect = unsupported(anything);
const noText = unsupported(text);
const noFlag = unsupported(bool);
const ownPort = unsupported(port, "the sidecar's ports are allotted or standard");

/** MeshConfig (mesh.istio.io). */
export const meshConfig: Schema<MeshConfigSpec> = object<MeshConfigSpec>({
  connectTimeout: duration,
  tcpKeepalive,
  accessLogFile: text,
  accessLogFormat: text,
  accessLogEncoding: enumOf('TEXT', 'JSON'),
  defaultConfig: proxyConfig,
  outboundTrafficPolicy: object<NonNullable<MeshConfigSpec['outboundTrafficPolicy']>>({
    mode: enumOf('REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'),
    tls: unsupported(clientTls, 'unknown hosts are reached as the application asks'),
  }),
  enableAutoMtls: bool,
  trustDomain: nonEmpty,
  trustDomainAliases: texts,
  defaultServiceExportTo: exportTo,
  defaultVirtualServiceExportTo: exportTo,
  defaultDestinationRuleExportTo: exportTo,
  rootNamespace: nonEmpty,
  dnsRefreshRate: duration,
  extensionProviders: list(extensionProvider),
  defaultProviders: object<NonNullable<MeshConfigSpec['defaultProviders']>>({
    tracing: unsupported(texts, 'no span is reported'),
    metrics: unsupported(texts, 'metrics are always there for Prometheus'),
    accessLogging: texts,
  }),
  pathNormalization: object<NonNullable<MeshConfigSpec['pathNormalization']>>({
    normalization: enumOf('DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
  }),
  defaultHttpRetryPolicy: retries,
  meshMTLS: tls,

  localityLbSetting,
  defaultTrafficPolicy: object<NonNullable<MeshConfigSpec['defaultTrafficPolicy']>>({
    connectionPool,
    outlierDetection,
  }),
  tlsDefaults: object<MeshTlsConfig>({
    minProtocolVersion: unsupported(enumOf('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'), 'TLS 1.2 is the oldest that is spoken'),
    ecdhCurves: texts,
    cipherSuites: texts,
  }),
  enablePrometheusMerge: bool,
  proxyListenPort: ownPort,
  proxyInboundListenPort: ownPort,
  proxyHttpPort: ownPort,
  hboneIdleTimeout: unsupported(duration),
  protocolDetectionTimeout: durationFrom(0),
  ingressClass: noText,
  ingressService: noText,
  ingressControllerMode: unsupported(enumOf('UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'), 'there is no ingress'),
  ingressSelector: noText,
  enableTracing: unsupported(bool, 'no span is reported'),
  enableEnvoyAccessLogService: noFlag,
  disableEnvoyListenerLog: noFlag,
  inboundTrafficPolicy: unsupported(
    object<NonNullable<MeshConfigSpec['inboundTrafficPolicy']>>({ mode: enumOf('PASSTHROUGH', 'LOCALHOST') }),
  ),
  configSources: noEffect,
  caCertificates: unsupported(anything, 'only the root of this mesh is trusted'),
  zoneAwareLbSetting: zoneAware,
  h2UpgradePolicy: enumOf('DO_NOT_UPGRADE', 'UPGRADE'),
  inboundClusterStatName: noText,
  outboundClusterStatName: noText,
  certificates: noEffect,
  serviceSettings: noEffect,
  serviceScopeConfigs: noEffect,
  verifyCertificateAtClient: noFlag,
  ca: unsupported(anything, 'the built-in CA signs'),
  discoverySelectors: unsupported(anything, 'every namespace is read'),
  serviceEntryVisibility: noEffect,
  defaultInboundHttpRetryPolicy: unsupported(retries),
});
