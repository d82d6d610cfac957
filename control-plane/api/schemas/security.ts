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
import type { JwtRule, RequestAuthenticationSpec } from '../kinds/request-authentication.js';
import { object, required, unsupported, unsupportedCondition } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { alternatives, bool, duration, enumOf, string } from '../schema/scalars.js';
import { list, map, refine, type Schema, shapeOf } from '../schema/schema.js';
import {
  matchLabels,
  nonEmpty,
  nonEmptyTexts,
  TARGET_REF_CONSEQUENCE,
  targetRef,
  targetRefs,
  text,
  texts,
} from './shared.js';

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

const NO_TOKENS = 'tokens are not checked, so an ALLOW rule with it matches nothing and a DENY rule applies without it';
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
const serviceAccounts = list(string({ min: 1, max: 320 }), { max: 16 });

/** Service accounts carry their namespace, so Istio takes them alone. */
const ACCOUNTS_ALONE = (['serviceAccounts', 'notServiceAccounts'] as const).flatMap((accounts) =>
  (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).map((other) => [accounts, other]),
);

const source: Schema<AuthorizationSource> = object<AuthorizationSource>(
  {
    principals: patterns,
    notPrincipals: patterns,
    requestPrincipals: unsupportedCondition(patterns, NO_TOKENS),
    notRequestPrincipals: unsupportedCondition(patterns, NO_TOKENS),
    namespaces: patterns,
    notNamespaces: patterns,
    serviceAccounts: unsupportedCondition(serviceAccounts, `${UNEVALUATED}; use principals`),
    notServiceAccounts: unsupportedCondition(serviceAccounts, `${UNEVALUATED}; use notPrincipals`),
    ipBlocks,
    notIpBlocks: ipBlocks,
    remoteIpBlocks: ipBlocks,
    notRemoteIpBlocks: ipBlocks,
    trustDomains: unsupportedCondition(patterns, UNEVALUATED),
    notTrustDomains: unsupportedCondition(patterns, UNEVALUATED),
  },
  { atMostOne: ACCOUNTS_ALONE },
);

function checkPort(value: string, path: string, report: Report): void {
  const number = Number(value);
  if (/^\d{1,5}$/.test(value) && number >= 1 && number <= 65_535) return;
  report.error(path, `must be a port from 1 to 65535 in quotes, got "${value}"`);
}

const ports = list(refine(text, checkPort));

/** Path templates (`{*}`, `{**}`) are Envoy's URI templates, which are not matched in this release. */
const paths: Schema<readonly string[]> = {
  parse(value, path, report) {
    const all = patterns.parse(value, path, report);
    const plain = all?.filter((entry) => !entry.includes('{*}') && !entry.includes('{**}'));
    if (all !== undefined && plain !== undefined && plain.length < all.length) {
      report.warn(
        Code.unsupportedField,
        path,
        `path templates ({*}, {**}) are not supported in this release: ${UNEVALUATED}`,
      );
      report.marked = true;
      return undefined;
    }
    return all;
  },
};

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
  'destination.ip',
  'destination.port',
  'connection.sni',
];
type ValueCheck = (value: string, path: string, report: Report) => void;
const VALUE_CHECKS: Readonly<Record<string, ValueCheck | undefined>> = {
  'source.ip': checkIpBlock,
  'remote.ip': checkIpBlock,
  'destination.ip': checkIpBlock,
  'destination.port': checkPort,
};
const UNSUPPORTED_KEYS =
  /^(?:request\.auth\.|source\.serviceAccount$|source\.trustDomain$|experimental\.envoy\.filters\.)/;

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
  if (CONDITION_KEYS.includes(key) || /^request\.headers\[[^[\]]+\]$/.test(key)) return true;
  report.marked = true;
  const at = childPath(path, 'key');
  if (UNSUPPORTED_KEYS.test(key)) {
    report.warn(Code.unsupportedField, at, `condition "${key}" is not supported in this release: ${UNEVALUATED}`);
  } else {
    report.warn(
      Code.unknownField,
      at,
      `unknown condition "${key}": ${UNEVALUATED}; known are request.headers[NAME], ${alternatives(CONDITION_KEYS)}`,
    );
  }
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

type WrittenPolicy = Omit<AuthorizationPolicySpec, 'action'> & {
  readonly action?: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
};

const writtenPolicy: Schema<WrittenPolicy> = object<WrittenPolicy>(
  {
    selector: matchLabels,
    targetRef: unsupported(targetRef, TARGET_REF_CONSEQUENCE),
    targetRefs: unsupported(targetRefs, TARGET_REF_CONSEQUENCE),
    rules: list(rule, { max: 512 }),
    action: enumOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    provider: object<{ readonly name?: string }>({ name: text }),
  },
  { unknownFields: 'reject', atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);

/** AuthorizationPolicy (security.istio.io). */
export const authorizationPolicy: Schema<AuthorizationPolicySpec> = {
  ...shapeOf(writtenPolicy),
  parse(value, path, report) {
    const written = writtenPolicy.parse(value, path, report);
    if (written === undefined) return undefined;
    const { action, ...rest } = written;
    const at = childPath(path, 'action');
    if (action === 'CUSTOM') {
      report.warn(
        Code.unsupportedField,
        at,
        'CUSTOM is not supported in this release: requests that match the rules are denied, since nobody is asked',
      );
      return { ...rest, action: 'DENY' };
    }
    if (action === 'AUDIT')
      report.warn(Code.unsupportedField, at, 'AUDIT is not supported in this release: nothing is recorded');
    return action === undefined ? rest : { ...rest, action };
  },
};

const url = string({ min: 1, max: 2_048, pattern: /^https?:\/\//, shape: 'a URL with http:// or https://' });
const HEADER = /^[-_A-Za-z0-9]+$/;

const jwtRule: Schema<JwtRule> = object<JwtRule>(
  {
    issuer: nonEmpty,
    audiences: nonEmptyTexts,
    jwksUri: url,
    jwks: text,
    fromHeaders: list(
      object<{ readonly name: string; readonly prefix?: string }>({ name: required(nonEmpty), prefix: text }),
    ),
    fromParams: nonEmptyTexts,
    outputPayloadToHeader: text,
    fromCookies: nonEmptyTexts,
    forwardOriginalToken: bool,
    outputClaimToHeaders: list(
      object<{ readonly header: string; readonly claim: string }>({
        header: required(string({ min: 1, pattern: HEADER, shape: 'a header name' })),
        claim: required(nonEmpty),
      }),
    ),
    timeout: duration,
    spaceDelimitedClaims: list(nonEmpty, { max: 64 }),
    presence: enumOf('OPTIONAL', 'REQUIRED'),
  },
  { aliases: { jwks_uri: 'jwksUri' }, atMostOne: [['jwksUri', 'jwks']] },
);

/** RequestAuthentication (security.istio.io). */
export const requestAuthentication: Schema<RequestAuthenticationSpec> = object<RequestAuthenticationSpec>(
  {
    selector: matchLabels,
    targetRef: unsupported(targetRef, TARGET_REF_CONSEQUENCE),
    targetRefs: unsupported(targetRefs, TARGET_REF_CONSEQUENCE),
    jwtRules: unsupported(
      list(jwtRule, { max: 4_096 }),
      'tokens are not checked: rules that require one match nothing, and a bad token is not refused',
    ),
  },
  { unknownFields: 'reject', atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);
