import { X509Certificate } from 'node:crypto';
import type { Registry } from 'prom-client';
import { splitCertificates } from '../common/identity/pem.js';
import { TAP } from '../common/observe/metadata.js';
import type { Clock } from '../common/runtime/clock.js';
import type { Logger } from '../common/runtime/log.js';
import { programVersion } from '../common/runtime/version.js';
import { type ResourceTypeUrl, TYPE } from '../common/xds/type-urls.js';
import type { AdminSources, CertificateDetails, CertificateView, ResourceView } from './admin/sources.js';
import type { ProxyConfig } from './config.js';
import type { Configuration } from './configuration.js';
import type { DataPlane } from './data-plane.js';
import { type DnsStatistics, registerDnsMetrics } from './dns/statistics.js';
import { nodeMetadata } from './observe/metadata.js';
import type { Stat, StatGroup } from './telemetry/envoy-stats.js';
import { newRegistry } from './telemetry/metric-source.js';
import { registerProcessMetrics } from './telemetry/process-metrics.js';
import type { CaClient } from './tls/ca-client.js';
import { certificateStats, registerCertificateMetrics } from './tls/certificate-metrics.js';
import { parseSubjectAltName } from './tls/peer.js';
import type { Secret } from './tls/secrets.js';
import { clusterSummaries } from './upstream/cluster-views.js';
import { ownNode } from './xds/node.js';

export interface AdminParts {
  readonly config: ProxyConfig;
  readonly plane: DataPlane;
  readonly configuration: Configuration;
  readonly ca: CaClient | undefined;
  /** Of the DNS proxy, where there is one. */
  readonly dns: DnsStatistics | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly drain: AdminSources['drain'];
  readonly quit: () => void;
}

/** What the admin server shows, read from the running parts at each request. */
export function adminSources(parts: AdminParts): AdminSources {
  const { config, plane, configuration, log } = parts;
  let registry: Registry | undefined;
  return {
    state: () => {
      if (configuration.readiness.isDraining) return 'DRAINING';
      return configuration.readiness.ready ? 'LIVE' : 'INITIALIZING';
    },
    identityFault: () => parts.ca?.fault ?? '',
    startTime: parts.clock.now(),
    version: programVersion(),
    node: () => ownNode(config.node),
    bootstrap: () => config.bootstrap,
    options: { mode: 'Serve', drain_time: `${config.drainMs / 1000}s` },
    resources: () => resources(plane, configuration),
    routes: (name) => plane.routes.routeSource(name).current(),
    clusters: () => clusterSummaries(plane.clusters),
    listeners: () =>
      plane.listeners
        .list()
        .flatMap(({ listener }) => listener.addresses.map((address) => ({ name: listener.name, ...address }))),
    certificates: () => certificates(plane),
    get registry() {
      if (registry === undefined) {
        registry = newRegistry();
        plane.metrics.register(registry);
        registerCertificateMetrics(registry, plane.secrets, parts.clock);
        registerProcessMetrics(registry);
        if (parts.dns !== undefined) registerDnsMetrics(registry, parts.dns);
      }
      return registry;
    },
    stats: () => stats(parts),
    edges: () => plane.metrics.report(parts.clock),
    plaintext: () => plane.plaintext.list(),
    requests: plane.metrics.requests,
    tapAllowed: nodeMetadata(config)[TAP] !== 'off',
    logLevel: {
      get: () => log.level,
      set: (level) => {
        log.level = level;
      },
    },
    drain: parts.drain,
    quit: parts.quit,
    reopenLogs: () => plane.logs.reopen(),
  };
}

function* resources(plane: DataPlane, configuration: Configuration): Iterable<ResourceView> {
  const view = (typeUrl: ResourceTypeUrl, name: string, fixed: boolean, version: string, message: object) => {
    const subscription = configuration.ads?.subscriptions.get(typeUrl);
    const details = subscription?.errors.get(name);
    const lastUpdated = subscription?.lastUpdated ?? 0;
    const error = details === undefined ? {} : { error: { details, version: '', time: lastUpdated } };
    return { typeUrl, name, static: fixed, version, lastUpdated, message, ...error };
  };
  for (const { message: kept, version, fixed } of plane.clusters.list()) {
    const message = kept.get();
    yield view(TYPE.cluster, message.name ?? '', fixed, version, message);
  }
  for (const { message: kept, version } of plane.clusters.assignments()) {
    const message = kept.get();
    yield view(TYPE.endpoint, message.cluster_name ?? '', false, version, message);
  }
  for (const { listener, message, version, fixed } of plane.listeners.list()) {
    yield view(TYPE.listener, listener.name, fixed, version, message);
  }
  for (const { name, version, message } of plane.routes.dump()) yield view(TYPE.route, name, false, version, message);
  for (const key of plane.secrets.keys()) {
    const secret = plane.secrets.get(key);
    if (secret !== undefined) yield view(TYPE.secret, key, key.startsWith('static:'), '', secretMessage(key, secret));
  }
}

/** The public half of a secret; the key stays where it is. */
function secretMessage(name: string, secret: Secret): object {
  const source = (pem: string) => ({ inline_bytes: Buffer.from(pem) });
  if (secret.kind === 'roots') return { name, validation_context: { trusted_ca: source(secret.pem) } };
  const private_key = { inline_string: '[redacted]' };
  return { name, tls_certificate: { certificate_chain: source(secret.certificateChain), private_key } };
}

function* certificates(plane: DataPlane): Iterable<CertificateView> {
  for (const key of plane.secrets.keys()) {
    const secret = plane.secrets.get(key);
    if (secret?.kind === 'certificate') {
      yield { path: key, roots: [], chain: splitCertificates(secret.certificateChain).map(details) };
    } else if (secret?.kind === 'roots') {
      yield { path: key, roots: splitCertificates(secret.pem).map(details), chain: [] };
    }
  }
}

function details(pem: string): CertificateDetails {
  const certificate = new X509Certificate(pem);
  const { uris, dns } = parseSubjectAltName(certificate.subjectAltName);
  return {
    serialNumber: certificate.serialNumber.toLowerCase(),
    subjectAltNames: [...uris.map((uri) => ({ uri })), ...dns.map((name) => ({ dns: name }))],
    validFrom: Date.parse(certificate.validFrom),
    expiration: Date.parse(certificate.validTo),
  };
}

function numbers(of: Iterable<readonly [string, number]>): Stat[] {
  return [...of].map(([name, value]) => ({
    name,
    type: name.endsWith('_active') ? 'gauge' : 'counter',
    value,
  }));
}

function* stats({ plane, configuration, ca, clock }: AdminParts): Iterable<StatGroup> {
  for (const { listener } of plane.listeners.list()) {
    yield {
      scope: 'listener',
      tag: { label: 'listener_address', value: listener.name },
      stats: numbers(Object.entries(listener.stats)),
    };
  }
  for (const [prefix, counts] of plane.downstream.entries()) {
    yield {
      scope: 'http',
      tag: { label: 'http_conn_manager_prefix', value: prefix },
      stats: numbers(counts.entries()),
    };
  }
  for (const [name, { value }] of plane.counters.entries()) {
    const dot = name.indexOf('.');
    yield { scope: name.slice(0, dot), stats: [{ name: name.slice(dot + 1), type: 'counter', value }] };
  }
  const { ads } = configuration;
  if (ads !== undefined) {
    const all = [...ads.subscriptions.values()];
    yield {
      scope: 'control_plane',
      stats: [
        { name: 'connected_state', type: 'gauge', value: ads.connected ? 1 : 0 },
        { name: 'updates_accepted', type: 'counter', value: all.reduce((sum, { accepted }) => sum + accepted, 0) },
        { name: 'updates_rejected', type: 'counter', value: all.reduce((sum, { rejected }) => sum + rejected, 0) },
      ],
    };
  }
  yield* certificateStats(plane.secrets, clock);
  if (ca !== undefined) {
    const { notAfter, issued, failures } = ca.status;
    const seconds = notAfter === 0 ? 0 : Math.max(0, Math.floor((notAfter - clock.now()) / 1000));
    yield {
      scope: 'certificate',
      stats: [
        { name: 'expiration_seconds', type: 'gauge', value: seconds },
        { name: 'issued', type: 'counter', value: issued },
        { name: 'failures', type: 'counter', value: failures },
      ],
    };
  }
}
