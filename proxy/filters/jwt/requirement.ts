import type { JwtRequirement__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtRequirement.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileLocations, type FoundToken } from './locations.js';
import { type Audiences, compileAudiences, type JwtRun, type Provider } from './provider.js';
import type { JwtStatus } from './status.js';
import { parseToken } from './token.js';

/** Answers at once where no key has to be fetched and no signature to be checked. */
export type Requirement = (run: JwtRun) => JwtStatus | Promise<JwtStatus>;

type Providers = ReadonlyMap<string, Provider>;

/** Groups within groups: more is no configuration that somebody wrote. */
const MAX_DEPTH = 16;

/** Compiles what tokens a request must have. undefined after an error. */
export function compileRequirement(
  message: JwtRequirement__Output,
  providers: Providers,
  issues: Issues,
  depth = 0,
): Requirement | undefined {
  if (depth > MAX_DEPTH) {
    issues.error('is nested too deeply');
    return undefined;
  }
  if (message.extract_only_without_validation !== undefined) {
    issues.at('extract_only_without_validation').error('is not supported: it would take tokens that nobody has proven');
    return undefined;
  }
  if (message.provider_name !== undefined) return ofProvider(message.provider_name, null, providers, issues);
  if (message.provider_and_audiences !== undefined) {
    const { provider_name = '', audiences = [] } = message.provider_and_audiences;
    return ofProvider(provider_name, compileAudiences(audiences) ?? null, providers, issues);
  }
  if (message.requires_any !== undefined) {
    return requiresAny(message.requires_any.requirements ?? [], providers, issues.at('requires_any'), depth);
  }
  if (message.requires_all !== undefined) {
    const members = compileAll(message.requires_all.requirements ?? [], providers, issues.at('requires_all'), depth);
    return members === undefined ? undefined : (run) => all(members, run);
  }
  if (message.allow_missing_or_failed !== undefined) return bypass(providers, true);
  if (message.allow_missing !== undefined) return bypass(providers, false);
  return () => 'ok';
}

function compileAll(
  list: readonly JwtRequirement__Output[],
  providers: Providers,
  issues: Issues,
  depth: number,
): Requirement[] | undefined {
  const members = list.map((member, index) => compileRequirement(member, providers, issues.at(index), depth + 1));
  return members.every((member) => member !== undefined) ? members : undefined;
}

/** Every token at the provider's places must be good, and one must be there. */
function ofProvider(
  name: string,
  audiences: Audiences | null,
  providers: Providers,
  issues: Issues,
): Requirement | undefined {
  const provider = providers.get(name);
  if (provider === undefined) {
    issues.error(`provider '${name}' is not configured`);
    return undefined;
  }
  const locations = compileLocations([provider.message]);
  return (run) => {
    locations.sanitize(run.request);
    const tokens = locations.find(run.request);
    if (tokens.length === 0) return provider.missing(run);
    return inTurn(tokens.reverse(), (token) => provider.check(token, run, audiences));
  };
}

/** Stops at the first that is not good. */
function inTurn<T>(
  list: readonly T[],
  check: (item: T) => JwtStatus | Promise<JwtStatus>,
  from = 0,
): JwtStatus | Promise<JwtStatus> {
  for (let i = from; i < list.length; i++) {
    const item = list[i];
    if (item === undefined) continue;
    const status = check(item);
    if (typeof status !== 'string')
      return status.then((later) => (later === 'ok' ? inTurn(list, check, i + 1) : later));
    if (status !== 'ok') return status;
  }
  return 'ok';
}

function all(members: readonly Requirement[], run: JwtRun): JwtStatus | Promise<JwtStatus> {
  return inTurn(members, (member) => member(run));
}

function requiresAny(
  list: readonly JwtRequirement__Output[],
  providers: Providers,
  issues: Issues,
  depth: number,
): Requirement | undefined {
  const failed = list.some((member) => member.allow_missing_or_failed !== undefined);
  const missing = list.some((member) => member.allow_missing !== undefined);
  const others = list.filter(
    (member) => member.allow_missing_or_failed === undefined && member.allow_missing === undefined,
  );
  const members = compileAll(others, providers, issues, depth);
  if (members === undefined) return undefined;
  if (members.length === 0) return failed || missing ? bypass(providers, failed) : () => 'missing';
  const settle = (statuses: readonly JwtStatus[]): JwtStatus => {
    const status = combined(statuses);
    return failed || (missing && status === 'missing') ? 'ok' : status;
  };
  return (run) => any(members, run, [], settle);
}

function any(
  members: readonly Requirement[],
  run: JwtRun,
  before: JwtStatus[],
  settle: (statuses: readonly JwtStatus[]) => JwtStatus,
): JwtStatus | Promise<JwtStatus> {
  for (let i = before.length; i < members.length; i++) {
    const status = members[i]?.(run) ?? 'missing';
    if (typeof status !== 'string') {
      return status.then((later) => (later === 'ok' ? later : any(members, run, [...before, later], settle)));
    }
    if (status === 'ok') return status;
    before.push(status);
  }
  return settle(before);
}

/** What is told when none was good: what was wrong with a token, rather than that it is another issuer's, rather than that none came. */
function combined(statuses: readonly JwtStatus[]): JwtStatus {
  let result: JwtStatus = 'missing';
  for (const status of statuses) {
    if ((status !== 'missing' && status !== 'unknown-issuer') || result === 'missing') result = status;
  }
  return result;
}

/** Tokens of any provider: none need be there, and with `failed` none need be good. */
function bypass(providers: Providers, failed: boolean): Requirement {
  const list = [...providers.values()];
  const locations = compileLocations(list.map(({ message }) => message));
  const check = (token: FoundToken, run: JwtRun): JwtStatus | Promise<JwtStatus> => {
    const provider = list.find(({ issuer }) => issuer !== '' && token.takes(issuer) && issuerOf(token) === issuer);
    const chosen = provider ?? list.find(({ issuer }) => issuer === '');
    return chosen === undefined ? 'unknown-issuer' : chosen.check(token, run, null);
  };
  return (run) => {
    locations.sanitize(run.request);
    const tokens = locations.find(run.request).reverse();
    if (!failed) return inTurn(tokens, (token) => check(token, run));
    return inTurn(tokens, (token) => {
      const status = check(token, run);
      return typeof status === 'string' ? 'ok' : status.then(() => 'ok' as const);
    });
  };
}

function issuerOf(token: FoundToken): string | undefined {
  const parsed = parseToken(token.text);
  return typeof parsed === 'string' ? undefined : parsed.issuer;
}
