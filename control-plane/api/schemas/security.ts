import { isIP } from 'node:net';
import { Code } from '../codes.js';
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicySpec,
  AuthorizationRule,
  AuthorizationSource,
} from '../kinds/authorization-policy.js';
import type { PeerAuthenticationSpec } from '../kinds/peer-authentication.js';
import { object, required } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { alternatives, enumOf, string } from '../schema/scalars.js';
import { list, map, refine, type Schema, shapeOf } from '../schema/schema.js';
import { matchLabels, nonEmpty, targetRef, targetRefs, text, texts } from './shared.js';

const mutualTls = object<{ readonly mode?: 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT' }>({
  mode: enumOf('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'),
});

function checkPortKey(key: string, path: string, report: Report): void {
  const number = Number(key);
  if (/^\d{1,5}$/.test(key) && number >= 1 && number <= 65_535) return;
  report.error(path, `must be a port from 1 to 65535, got "${key}"`);
}

/** PeerAuthentication (security.istio.io). What is not understood would leave traffic in plain text, so it is refused. */
export const peerAuthentication: Schema<PeerAuthenticationSpec> = object<PeerAuthenticationSpec>(
  { selector: matchLabels, mtls: mutualTls, portLevelMtls: map(mutualTls, { min: 1, key: checkPortKey }) },
  {
    unknownFields: 'reject',
    check(spec, path, report) {
      if (spec.portLevelMtls === undefined || Object.keys(spec.selector?.matchLabels ?? {}).length > 0) return;
      report.error(childPath(path, 'portLevelMtls'), 'needs a selector with labels');
    },
  },
);

const UNEVALUATED = 'an ALLOW rule with it matches nothing, and a DENY rule applies without it';

/** `*` alone, at the start, or at the end; elsewhere it is a plain character, which is seldom meant. */
const pattern = refine(nonEmpty, (value, path, report) => {
  if (value.slice(1, -1).includes('*') && !value.includes('{')) {
    report.warn(
      Code.schema,
      path,
      `"*" inside "${value}" stands for itself: only one at the start or the end is a wildcard`,
    );
  }
});
const patterns = list(pattern);

/** An IP address, optionally with the length of a prefix. */
function isIpBlock(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

function checkIpBlock(value: string, path: string, report: Report): void {
  if (!isIpBlock(value)) report.error(path, `must be an address or a range such as "10.0.0.0/8", got "${value}"`);
}

const ipBlocks = list(refine(text, checkIpBlock));

/** `ACCOUNT` or `NAMESPACE/ACCOUNT`. */
const ACCOUNT = {
  min: 1,
  max: 320,
  pattern: /^[^*/]+(?:\/[^*/]+)?$/,
  shape: 'ACCOUNT or NAMESPACE/ACCOUNT, without "*"',
};
const serviceAccounts = list(string(ACCOUNT), { max: 16 });

/** A `*` at one end only, and no path. */
const TRUST_DOMAIN = /^(?:\*|\*?[^*/]+|[^*/]+\*)$/;

function checkTrustDomain(value: string, path: string, report: Report): void {
  if (!TRUST_DOMAIN.test(value))
    report.error(path, `must be a trust domain, with "*" at one end at most, got "${value}"`);
}

const trustDomains = list(refine(text, checkTrustDomain));

/** Service accounts carry their namespace, so Istio takes them alone. */
const ACCOUNTS_ALONE = (['serviceAccounts', 'notServiceAccounts'] as const).flatMap((accounts) =>
  (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).map((other) => [accounts, other]),
);

const source: Schema<AuthorizationSource> = object<AuthorizationSource>(
  {
    principals: patterns,
    notPrincipals: patterns,
    requestPrincipals: patterns,
    notRequestPrincipals: patterns,
    namespaces: patterns,
    notNamespaces: patterns,
    serviceAccounts,
    notServiceAccounts: serviceAccounts,
    ipBlocks,
    notIpBlocks: ipBlocks,
    remoteIpBlocks: ipBlocks,
    notRemoteIpBlocks: ipBlocks,
    trustDomains,
    notTrustDomains: trustDomains,
  },
  { atMostOne: ACCOUNTS_ALONE },
);

function checkPort(value: string, path: string, report: Report): void {
  const number = Number(value);
  if (/^\d{1,5}$/.test(value) && number >= 1 && number <= 65_535) return;
  report.error(path, `must be a port from 1 to 65535 in quotes, got "${value}"`);
}

const ports = list(refine(text, checkPort));

const TEMPLATE = /\{\*\*?\}/;
const SEGMENT = /^[-a-zA-Z0-9._~%!$&'()+,;:@=]+$/;

/** A path may be a template: `{*}` is one segment, `{**}` any number, and the last of both. */
function checkPath(value: string, path: string, report: Report): void {
  const isTemplate = TEMPLATE.test(value);
  let ended = false;
  for (const segment of value.replace(/^\/+|\/+$/g, '').split('/')) {
    if (segment === '{*}' || segment === '{**}') {
      if (ended) report.error(path, `{**} must be the last operator of a path template, got "${value}"`);
      ended ||= segment === '{**}';
    } else if (/[{}]/.test(segment)) {
      report.error(path, `"{" and "}" stand only in {*} and {**}, alone between slashes, got "${value}"`);
    } else if (isTemplate && !SEGMENT.test(segment)) {
      report.error(path, `"${segment}" must not stand in a path template, got "${value}"`);
    }
  }
}

const paths = list(refine(pattern, checkPath));

const operation: Schema<AuthorizationOperation> = object<AuthorizationOperation>({
  hosts: patterns,
  notHosts: patterns,
  ports,
  notPorts: ports,
  methods: patterns,
  notMethods: patterns,
  paths,
  notPaths: paths,
});

const CONDITION_KEYS = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'source.trustDomain',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
];
/** Keys with a name in brackets. */
const KEYS_WITH_NAME =
  /^(?:request\.headers\[[^[\]]+\]|request\.auth\.claims(?:\[[^[\]]+\])+|experimental\.envoy\.filters\.[^[\]]+\[[^[\]]+\])$/;
type ValueCheck = (value: string, path: string, report: Report) => void;

function checkAccount(value: string, path: string, report: Report): void {
  if (value.length > ACCOUNT.max || !ACCOUNT.pattern.test(value)) {
    report.error(path, `must be ${ACCOUNT.shape}, got "${value}"`);
  }
}

const VALUE_CHECKS: Readonly<Record<string, ValueCheck | undefined>> = {
  'source.ip': checkIpBlock,
  'remote.ip': checkIpBlock,
  'source.serviceAccount': checkAccount,
  'source.trustDomain': checkTrustDomain,
  'destination.ip': checkIpBlock,
  'destination.port': checkPort,
};

const conditionFields: Schema<AuthorizationCondition> = object<AuthorizationCondition>({
  key: required(nonEmpty),
  values: texts,
  notValues: texts,
});

/** A list of conditions without those whose key cannot be evaluated, which mark the rule. */
const conditions: Schema<readonly AuthorizationCondition[]> = {
  ...shapeOf(list(conditionFields)),
  parse(value, path, report) {
    const all = list(conditionFields).parse(value, path, report);
    return all?.filter((condition, index) => checkCondition(condition, childPath(path, index), report));
  },
};

function checkCondition(condition: AuthorizationCondition, path: string, report: Report): boolean {
  if (report.failed) return true;
  if (condition.values === undefined && condition.notValues === undefined && !report.marked) {
    report.error(path, 'must have values or notValues');
  }
  const { key } = condition;
  const check = Object.hasOwn(VALUE_CHECKS, key) ? VALUE_CHECKS[key] : undefined;
  for (const name of check === undefined ? [] : (['values', 'notValues'] as const)) {
    for (const [index, value] of (condition[name] ?? []).entries()) {
      check?.(value, childPath(childPath(path, name), index), report);
    }
  }
  if (CONDITION_KEYS.includes(key) || KEYS_WITH_NAME.test(key)) return true;
  report.marked = true;
  report.warn(
    Code.unknownField,
    childPath(path, 'key'),
    `unknown condition "${key}": ${UNEVALUATED}; known are request.headers[NAME], request.auth.claims[NAME], ${alternatives(CONDITION_KEYS)}`,
  );
  return false;
}

const rule: Schema<AuthorizationRule> = object<AuthorizationRule>(
  {
    from: list(object<{ readonly source?: AuthorizationSource }>({ source }), { max: 512 }),
    to: list(object<{ readonly operation?: AuthorizationOperation }>({ operation })),
    when: conditions,
  },
  { unknownFields: 'mark', marksUnknown: true },
);

/** AuthorizationPolicy (security.istio.io). */
export const authorizationPolicy: Schema<AuthorizationPolicySpec> = object<AuthorizationPolicySpec>(
  {
    selector: matchLabels,
    targetRef,
    targetRefs,
    rules: list(rule, { max: 512 }),
    action: enumOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    provider: object<{ readonly name?: string }>({ name: text }),
  },
  {
    unknownFields: 'reject',
    atMostOne: [['selector', 'targetRef', 'targetRefs']],
    check({ action, provider, rules }, path, report) {
      if (action === 'CUSTOM' && (provider?.name ?? '') === '') {
        report.warn(Code.schema, childPath(path, 'provider'), 'names nobody: requests that match the rules are denied');
      }
      if (action === 'CUSTOM' && (rules ?? []).length === 0) {
        report.warn(Code.schema, childPath(path, 'rules'), 'are empty: nobody is ever asked');
      }
      if (action !== 'CUSTOM' && provider !== undefined) {
        report.warn(Code.schema, childPath(path, 'provider'), 'is asked by policies of action CUSTOM only');
      }
    },
  },
);
