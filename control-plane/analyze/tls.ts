import { resolveHost } from '../api/hosts.js';
import type { ClientTlsSettings, DestinationRuleSpec, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { ROOT_NAMESPACE } from '../api/kinds/index.js';
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
  for (const object of registry.all('DestinationRule')) {
    for (const { tls, path, ofPort } of tlsSettings(object.spec)) {
      checkVerification(object, tls, path, ofPort, report);
      if (tls.mode === 'DISABLE') checkStrict(object, path, registry, report);
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
  registry: Registry,
  report: Reporter,
): void {
  const service = registry.service(resolveHost(object.spec.host, object.metadata.namespace));
  if (service?.workloads === undefined) return;
  for (const labels of service.workloads) {
    const policy = strictPolicy(service.namespace, labels, registry);
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

/** The PeerAuthentication that decides about a workload, if it is STRICT: its own, its namespace's, or the mesh's. */
function strictPolicy(
  namespace: string,
  labels: Readonly<Record<string, string>>,
  registry: Registry,
): ConfigObject | undefined {
  const all = registry.all('PeerAuthentication').sort(byPrecedence);
  const selectorOf = (object: (typeof all)[number]): Readonly<Record<string, string>> =>
    object.spec.selector?.matchLabels ?? {};
  const general = (object: (typeof all)[number]): boolean => Object.keys(selectorOf(object)).length === 0;
  const levels = [
    all.filter(
      (object) =>
        object.metadata.namespace === namespace && !general(object) && selectorMatches(selectorOf(object), labels),
    ),
    all.filter((object) => object.metadata.namespace === namespace && general(object)),
    all.filter((object) => object.metadata.namespace === ROOT_NAMESPACE && general(object)),
  ];
  for (const [policy] of levels) {
    const mode = policy?.spec.mtls?.mode ?? 'UNSET';
    if (policy !== undefined && mode !== 'UNSET') return mode === 'STRICT' ? policy : undefined;
  }
  return undefined;
}
