import type { Subject } from '../filters/rbac/condition.js';
import { compileRbac } from '../filters/rbac/engine.js';
import { HeaderList } from '../http/headers.js';
import type { RequestHead } from '../http/message.js';
import { normalizePath } from '../http/path-normalization.js';
import { type ConnectionInfo, PLAINTEXT_PEER } from '../http/stream-info.js';
import { pathRules } from '../listeners/compile-connection-manager.js';
import { Issues } from '../snapshot/issues.js';
import { type AuthzChain, type AuthzStep, authzChains } from './authz.js';
import type { AdminSources } from './sources.js';

/** One port's answer to the question who may do what. */
export interface AuthzDecision {
  readonly port: number;
  readonly secured: 'mTLS' | 'plaintext';
  readonly protocol: 'HTTP' | 'TCP';
  readonly decision: 'allowed' | 'denied' | 'asked';
  /** `DENY`, `ALLOW`, `CUSTOM`; `none` where no policy applies. */
  readonly action: string;
  /** `ns[shop]-policy[no-admin]-rule[0]`, or empty where no rule matched. */
  readonly policy: string;
  readonly because: string;
  /** What else has a say that cannot be foreseen: services that are asked, tokens that are checked. */
  readonly notes: readonly string[];
}

/** The rules in force, port by port. */
export function authzRules(sources: AdminSources): object {
  return authzChains(sources.resources()).map(({ port, secured, manager, steps }) => ({
    port,
    secured,
    protocol: manager === undefined ? 'TCP' : 'HTTP',
    rules: steps.flatMap(rulesOf),
  }));
}

function rulesOf(step: AuthzStep): object[] {
  if (step.kind === 'tokens') return [{ action: 'TOKENS', policy: '' }];
  const action = step.kind === 'custom' ? 'CUSTOM' : (step.rules.action ?? 'ALLOW');
  return Object.entries(step.rules.policies ?? {}).map(([policy, { permissions, principals }]) => ({
    action: action === 'LOG' ? 'AUDIT' : action,
    policy,
    ...(step.kind === 'dry-run' && { dryRun: true }),
    ...(step.kind === 'custom' && { asks: step.cluster }),
    permissions,
    principals,
  }));
}

/**
 * What the policies in force say of a request: query `from` (`NAMESPACE/ACCOUNT`, a SPIFFE ID, or `plaintext`), `method`,
 * `path`, `host`, `header` (`name: value`, several), `port`, `protocol` (`tcp`), `ip`. Throws an Error that says what is wrong with the query.
 */
export function explainAuthz(sources: AdminSources, query: URLSearchParams): AuthzDecision[] {
  const uri = identityOf(query.get('from') ?? '', sources);
  const secured = uri === undefined ? 'plaintext' : 'mTLS';
  const wanted = query.get('port');
  const chains = authzChains(sources.resources());
  const ports = [...new Set(chains.map(({ port }) => port))].filter(
    (port) => wanted === null || String(port) === wanted,
  );
  if (ports.length === 0) {
    throw new Error(wanted === null ? 'no port of this workload is served' : `port ${wanted} is not served here`);
  }
  return ports.map((port) => {
    const http = query.get('protocol') !== 'tcp';
    const chain =
      chains.find((one) => one.port === port && one.secured === secured && (one.manager !== undefined) === http) ??
      chains.find((one) => one.port === port && one.secured === secured);
    return chain === undefined ? notLetIn(port, secured) : decide(chain, subjectOf(chain, uri, query));
  });
}

function notLetIn(port: number, secured: AuthzDecision['secured']): AuthzDecision {
  const because =
    secured === 'plaintext'
      ? 'the port takes mTLS only (PeerAuthentication STRICT)'
      : 'the port takes plain text only (PeerAuthentication DISABLE)';
  return {
    port,
    secured,
    protocol: 'TCP',
    decision: 'denied',
    action: 'PeerAuthentication',
    policy: '',
    because,
    notes: [],
  };
}

/** undefined for a client that shows no certificate. */
function identityOf(from: string, sources: AdminSources): string | undefined {
  if (from === 'plaintext') return undefined;
  if (from.startsWith('spiffe://')) return from;
  const [namespace, account, ...rest] = from.split('/');
  if (namespace === undefined || namespace === '' || account === undefined || account === '' || rest.length > 0) {
    throw new Error(`from: NAMESPACE/ACCOUNT, a SPIFFE ID or "plaintext" is expected, not "${from}"`);
  }
  return `spiffe://${trustDomain(sources)}/ns/${namespace}/sa/${account}`;
}

/** Our own certificate says which it is. */
function trustDomain(sources: AdminSources): string {
  for (const { chain } of sources.certificates()) {
    for (const { subjectAltNames } of chain) {
      for (const { uri } of subjectAltNames) {
        const [, domain] = /^spiffe:\/\/([^/]+)\//.exec(uri ?? '') ?? [];
        if (domain !== undefined) return domain;
      }
    }
  }
  return 'cluster.local';
}

function subjectOf({ manager, port }: AuthzChain, uri: string | undefined, query: URLSearchParams): Subject {
  const ip = query.get('ip') ?? '127.0.0.1';
  const connection: ConnectionInfo = {
    id: 0,
    localAddress: `127.0.0.1:${port}`,
    localIp: '127.0.0.1',
    localPort: port,
    remoteAddress: `${ip}:0`,
    remoteIp: ip,
    remotePort: 0,
    peer: uri === undefined ? PLAINTEXT_PEER : { ...PLAINTEXT_PEER, mtls: true, uriSan: uri, tlsVersion: 'TLSv1.3' },
  };
  return { connection, request: requestOf(manager, query), clientIp: ip };
}

/** The request that a query describes, as filters behind the connection manager see it. */
export function requestOf(manager: AuthzChain['manager'], query: URLSearchParams): RequestHead {
  const headers = new HeaderList();
  const head = { version: 'HTTP/1.1' as const, scheme: 'http' as const, headers };
  if (manager === undefined) return { ...head, method: '', path: '', authority: '' };
  for (const line of query.getAll('header')) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`header: "NAME: VALUE" is expected, not "${line}"`);
    headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const path = normalizePath(query.get('path') ?? '/', pathRules(manager));
  if (path.kind !== 'ok') throw new Error('path: the sidecar refuses it (400) before any policy sees it');
  return {
    ...head,
    method: query.get('method') ?? 'GET',
    path: path.path,
    authority: query.get('host') ?? headers.get('host') ?? '',
  };
}

/** What the policies of a gateway's chain say of a request of somebody without an identity. */
export function decideAtGateway(chain: AuthzChain, query: URLSearchParams): AuthzDecision {
  return decide(chain, subjectOf(chain, undefined, query));
}

/** Asks the steps in their order, by the matcher that requests meet. */
function decide({ port, secured, manager, steps }: AuthzChain, subject: Subject): AuthzDecision {
  const notes: string[] = [];
  const protocol = manager === undefined ? 'TCP' : 'HTTP';
  let last = { action: 'none', policy: '', because: 'no policy applies to this port' };
  for (const step of steps) {
    if (step.kind === 'tokens') {
      const issuers = step.issuers.length === 0 ? '' : ` of ${step.issuers.join(', ')}`;
      notes.push(`tokens${issuers} are checked: a request with a bad one gets 401, and claims are not known here`);
      continue;
    }
    const { allowed, policy = '' } = compileRbac(step.rules, new Issues()).decide(subject);
    const action = step.rules.action ?? 'ALLOW';
    if (step.kind === 'custom') {
      if (policy !== '') notes.push(`${policy} asks ${step.cluster}, which may deny`);
    } else if (step.kind === 'dry-run') {
      if (!allowed) notes.push(`would be denied by the dry run ${policy || `of ${action}`}`);
    } else if (!allowed) {
      const because = action === 'DENY' ? 'a DENY rule matches' : 'no ALLOW rule matches';
      return { port, secured, protocol, decision: 'denied', action, policy, because, notes };
    } else if (action === 'ALLOW') last = { action, policy, because: 'an ALLOW rule matches' };
    else if (action === 'DENY' && last.action === 'none')
      last = { action: 'DENY', policy: '', because: 'no DENY rule matches, and there is no ALLOW policy' };
  }
  const asked = notes.some((note) => note.includes(' asks '));
  return { port, secured, protocol, decision: asked ? 'asked' : 'allowed', ...last, notes };
}
