import { resolveHost } from '../api/hosts.js';
import type { ClientTlsSettings, DestinationRuleSpec, TrafficPolicy } from '../api/kinds/destination-rule.js';
import type { PeerAuthenticationSpec } from '../api/kinds/peer-authentication.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import { byPrecedence, titleOf } from './conflicts.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

interface PlacedTls {
  readonly tls: ClientTlsSettings;
  readonly path: string;
  readonly ofPort: boolean;
}

/** TLS settings of clients that verify nobody, or that the server refuses. */
export function checkTls(registry: Registry, report: Reporter): void {
  const peers = new PeerPolicies(registry);
  for (const object of registry.all('DestinationRule')) {
    for (const { tls, path, ofPort } of tlsSettings(object.spec)) {
      checkVerification(object, tls, path, ofPort, report);
      if (tls.mode === 'DISABLE') checkStrict(object, path, { registry, peers }, report);
    }
  }
}

function tlsSettings(spec: DestinationRuleSpec): PlacedTls[] {
  return [
    ...tlsOf(spec.trafficPolicy, 'spec.trafficPolicy'),
    ...(spec.subsets ?? []).flatMap((subset, i) => tlsOf(subset.trafficPolicy, `spec.subsets[${i}].trafficPolicy`)),
  ];
}

function tlsOf(policy: TrafficPolicy | undefined, path: string): PlacedTls[] {
  const own = policy?.tls === undefined ? [] : [{ tls: policy.tls, path: `${path}.tls`, ofPort: false }];
  const ports = (policy?.portLevelSettings ?? []).flatMap(({ tls }, i) =>
    tls === undefined ? [] : [{ tls, path: `${path}.portLevelSettings[${i}].tls`, ofPort: true }],
  );
  return [...own, ...ports];
}

function checkVerification(
  object: ConfigObject,
  tls: ClientTlsSettings,
  path: string,
  ofPort: boolean,
  report: Reporter,
): void {
  if (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL') return;
  const code = ofPort ? AnalysisCode.noServerVerificationOfPort : AnalysisCode.noServerVerification;
  if (tls.insecureSkipVerify === true) {
    report.warning(
      object,
      code,
      `${path}.insecureSkipVerify`,
      'the server is not verified: anybody can take its place',
    );
  } else if (!tls.caCertificates && !tls.credentialName) {
    report.warning(
      object,
      code,
      path,
      `mode ${tls.mode} without caCertificates trusts every public authority of the system: name the file of the one to trust`,
    );
  }
}

/** A client that is told to speak plain text to workloads that take only mTLS. */
function checkStrict(
  object: ConfigObject<DestinationRuleSpec>,
  path: string,
  { registry, peers }: { readonly registry: Registry; readonly peers: PeerPolicies },
  report: Reporter,
): void {
  const service = registry.service(resolveHost(object.spec.host, object.metadata.namespace));
  if (service?.workloads === undefined) return;
  for (const labels of service.workloads) {
    const policy = peers.strict(service.namespace, labels);
    if (policy === undefined) continue;
    report.error(
      object,
      AnalysisCode.plaintextToStrict,
      `${path}.mode`,
      `DISABLE sends plain text, but ${titleOf(policy)} makes workloads of ${service.host} refuse it: use ISTIO_MUTUAL, or leave tls out`,
    );
    return;
  }
}

type Policy = ConfigObject<PeerAuthenticationSpec>;
type Labels = Readonly<Record<string, string>>;

/** PeerAuthentications by how wide they are, the one that counts first. */
class PeerPolicies {
  readonly #general = new Map<string, Policy>();
  /** Under the first label that they select, since there may be one for every workload. */
  readonly #special = new Map<string, { readonly policy: Policy; readonly order: number }[]>();
  readonly #rootNamespace: string;

  constructor(registry: Registry) {
    this.#rootNamespace = registry.rootNamespace;
    for (const [order, policy] of [...registry.all('PeerAuthentication')].sort(byPrecedence).entries()) {
      const { namespace } = policy.metadata;
      const [first] = Object.entries(policy.spec.selector?.matchLabels ?? {});
      if (first === undefined) {
        if (!this.#general.has(namespace)) this.#general.set(namespace, policy);
        continue;
      }
      const key = keyOf(namespace, ...first);
      const list = this.#special.get(key) ?? [];
      list.push({ policy, order });
      this.#special.set(key, list);
    }
  }

  /** The one that decides about a workload, if it is STRICT: its own, its namespace's, or the mesh's. */
  strict(namespace: string, labels: Labels): Policy | undefined {
    const own = Object.entries(labels)
      .flatMap(([name, value]) => this.#special.get(keyOf(namespace, name, value)) ?? [])
      .filter(({ policy }) => selectorMatches(policy.spec.selector?.matchLabels ?? {}, labels))
      .sort((a, b) => a.order - b.order)[0]?.policy;
    for (const policy of [own, this.#general.get(namespace), this.#general.get(this.#rootNamespace)]) {
      const mode = policy?.spec.mtls?.mode ?? 'UNSET';
      if (mode !== 'UNSET') return mode === 'STRICT' ? policy : undefined;
    }
    return undefined;
  }
}

function keyOf(namespace: string, label: string, value: string): string {
  return `${namespace}\n${label}\n${value}`;
}
