import type { GatewayServer, GatewaySpec } from '../api/kinds/gateway.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { buildCredentials, type Credential } from '../model/credentials.js';
import { serverHost } from '../model/gateway-hosts.js';
import { compare } from '../model/order.js';
import { AnalysisCode } from './codes.js';
import type { KnownWorkload, Registry } from './registry.js';
import type { Reporter } from './reporter.js';

type Gateway = ConfigObject<GatewaySpec>;

/** Gateways that nobody serves, that contradict each other, or whose certificates are not there. */
export function checkGateways(registry: Registry, report: Reporter): void {
  const gateways = [...registry.all('Gateway')].sort((a, b) => compare(keyOf(a), keyOf(b)));
  if (gateways.length === 0) return;
  const credentials = buildCredentials(registry.all('Secret'));
  for (const gateway of gateways) {
    const workloads = workloadsOf(gateway, registry);
    if (workloads.length === 0) {
      report.error(
        gateway,
        AnalysisCode.referenceNotFound,
        'spec.selector',
        'selects no workload: nobody serves this Gateway',
      );
      continue;
    }
    checkPorts(gateway, workloads, registry, report);
    checkCredentials(gateway, workloads, credentials, report);
  }
  checkPairs(gateways, report);
}

function keyOf({ metadata }: Gateway): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function workloadsOf({ spec }: Gateway, registry: Registry): readonly KnownWorkload[] {
  return registry.selected(undefined, spec.selector ?? {});
}

function serversOf({ spec }: Gateway): readonly (readonly [GatewayServer, string])[] {
  return (spec.servers ?? []).map((server, i) => [server, `spec.servers[${i}]`] as const);
}

/** Clients come by a Service; one that has not the port leads nobody there. */
function checkPorts(gateway: Gateway, workloads: readonly KnownWorkload[], registry: Registry, report: Reporter): void {
  const services = registry.all('Service').filter(({ metadata, spec }) => {
    const { selector } = spec;
    return (
      selector !== undefined &&
      Object.keys(selector).length > 0 &&
      workloads.some(({ namespace, labels }) => namespace === metadata.namespace && selectorMatches(selector, labels))
    );
  });
  if (services.length === 0) return;
  const ports = new Set(services.flatMap(({ spec }) => (spec.ports ?? []).map(({ port }) => port)));
  for (const [{ port }, path] of serversOf(gateway)) {
    if (ports.has(port.number)) continue;
    const message = `no Service of the gateway's workloads has the port ${port.number}: nobody can reach it by their Services`;
    report.warning(gateway, AnalysisCode.portNotOnService, `${path}.port.number`, message);
  }
}

function checkCredentials(
  gateway: Gateway,
  workloads: readonly KnownWorkload[],
  credentials: ReadonlyMap<string, Credential>,
  report: Reporter,
): void {
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  const look = (written: string, path: string, lacks: (found: Credential) => string | undefined): void => {
    const name = written.replace(/^kubernetes:\/\//, '').replace(/^.*\//, '');
    for (const namespace of namespaces) {
      const found = credentials.get(`${namespace}/${name}`);
      const fault = found === undefined ? undefined : lacks(found);
      if (found === undefined) {
        const message = `there is no Secret ${namespace}/${name}: connections for these hosts are refused`;
        report.error(gateway, AnalysisCode.referenceNotFound, path, message);
      } else if (fault !== undefined) {
        report.error(gateway, AnalysisCode.invalidCredential, path, `Secret ${namespace}/${name} has no ${fault}`);
      }
    }
  };
  for (const [{ tls }, path] of serversOf(gateway)) {
    if (tls === undefined || tls.mode === 'ISTIO_MUTUAL') continue;
    const names = tls.credentialNames ?? (tls.credentialName ? [tls.credentialName] : []);
    const field = tls.credentialNames === undefined ? 'credentialName' : 'credentialNames';
    for (const name of names) look(name, `${path}.tls.${field}`, lacksPair);
    const verifies = tls.mode === 'MUTUAL' || tls.mode === 'OPTIONAL_MUTUAL';
    if (verifies && tls.caCertCredentialName) {
      look(tls.caCertCredentialName, `${path}.tls.caCertCredentialName`, lacksRoots);
    }
  }
}

function lacksPair({ chain, key }: Credential): string | undefined {
  return chain === undefined ? 'certificate (tls.crt or cert)' : key === undefined ? 'key (tls.key or key)' : undefined;
}

function lacksRoots({ roots }: Credential): string | undefined {
  return roots === undefined ? 'authorities (ca.crt or cacert)' : undefined;
}

/** Gateways that the same workloads may serve. */
function checkPairs(gateways: readonly Gateway[], report: Reporter): void {
  gateways.forEach((gateway, i) => {
    for (const other of gateways.slice(i + 1)) {
      if (!meet(gateway.spec.selector ?? {}, other.spec.selector ?? {})) continue;
      for (const [server, path] of serversOf(other)) {
        for (const [first] of serversOf(gateway)) compareServers(gateway, first, other, server, path, report);
      }
    }
  });
}

/** Whether a workload can have the labels of both. */
function meet(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.entries(a).every(([name, value]) => b[name] === undefined || b[name] === value);
}

function compareServers(
  gateway: Gateway,
  first: GatewayServer,
  other: Gateway,
  server: GatewayServer,
  path: string,
  report: Reporter,
): void {
  const samePlace = first.port.number === server.port.number && (first.bind ?? '') === (server.bind ?? '');
  const shared = samePlace ? sharedHost(gateway, first, other, server) : undefined;
  if (shared !== undefined) {
    const message = `Gateway ${keyOf(gateway)} has the host ${shared} on port ${server.port.number}, too`;
    report.error(other, AnalysisCode.conflictingGateways, `${path}.hosts`, message);
  }
  const credential = server.tls?.credentialName;
  if (credential !== undefined && credential !== '' && credential === first.tls?.credentialName) {
    const message = `Gateway ${keyOf(gateway)} shows the same certificate (${credential}): clients that reuse their HTTP/2 connections get 404 for the hosts of the other one`;
    report.warning(other, AnalysisCode.duplicateCertificate, `${path}.tls.credentialName`, message);
  }
}

function sharedHost(a: Gateway, first: GatewayServer, b: Gateway, second: GatewayServer): string | undefined {
  const of = (gateway: Gateway, { hosts }: GatewayServer) => hosts.map((host) => serverHost(host, gateway.metadata));
  for (const one of of(a, first)) {
    for (const two of of(b, second)) {
      const apart = one.namespace !== undefined && two.namespace !== undefined && one.namespace !== two.namespace;
      if (!apart && one.host === two.host) return two.host;
    }
  }
  return undefined;
}
