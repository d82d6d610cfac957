import type { MeshConfigSpec, MeshTlsConfig } from '../kinds/mesh-config.js';
import { object, unsupported } from '../schema/object.js';
import { bool, duration, durationFrom, enumOf, port } from '../schema/scalars.js';
import { anything, list, type Schema } from '../schema/schema.js';
import {
  clientTls,
  connectionPool,
  localityLbSetting,
  outlierDetection,
  tcpKeepalive,
  zoneAware,
} from './destination-rule.js';
import { extensionProvider } from './extension-provider.js';
import { proxyConfig } from './proxy-config.js';
import { exportTo, nonEmpty, text, texts } from './shared.js';
import { retries } from './virtual-service.js';

const tls: Schema<MeshTlsConfig> = object<MeshTlsConfig>({
  minProtocolVersion: enumOf('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'),
  ecdhCurves: texts,
  cipherSuites: texts,
});

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
    tracing: texts,
    metrics: texts,
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
  enableTracing: bool,
  enableEnvoyAccessLogService: noFlag,
  disableEnvoyListenerLog: noFlag,
  inboundTrafficPolicy: unsupported(
    object<NonNullable<MeshConfigSpec['inboundTrafficPolicy']>>({ mode: enumOf('PASSTHROUGH', 'LOCALHOST') }),
  ),
  configSources: noEffect,
  caCertificates: list(
    object<NonNullable<MeshConfigSpec['caCertificates']>[number]>({
      pem: nonEmpty,
      spiffeBundleUrl: nonEmpty,
      certSigners: unsupported(texts, 'roots vouch for names, whoever has signed'),
      trustDomains: texts,
    }),
  ),
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
