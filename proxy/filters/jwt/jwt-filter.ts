import type { Clock, Random } from '../../../common/runtime/clock.js';
import type { JwtAuthentication__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtAuthentication.js';
import type { PerRouteConfig__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/PerRouteConfig.js';
import { type MetadataFields, setDynamicMetadata } from '../../http/dynamic-metadata.js';
import type { RequestHead } from '../../http/message.js';
import type { LocalReply } from '../../http/stream.js';
import { pathOnly } from '../../router/actions/rewrite.js';
import type { ServiceClient } from '../../router/forward/service-call.js';
import { type CompiledMatch, compileRouteMatch } from '../../router/matchers/route-match.js';
import type { Issues } from '../../snapshot/issues.js';
import type { CounterSource } from '../counter.js';
import type { FilterPlace, HttpFilterFactory } from '../factory.js';
import { FILTER_DISABLED, type FilterContext, type FilterVerdict, type HttpFilter } from '../filter.js';
import { compileProviders } from './compile-providers.js';
import type { JwtRun } from './provider.js';
import { RemoteKeyStore } from './remote-keys.js';
import { compileRequirement, type Requirement } from './requirement.js';
import { type JwtStatus, statusText } from './status.js';

export interface JwtDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSource;
  readonly services: Pick<ServiceClient, 'call'>;
}

/** What a route says in place of the rules: which requirement holds, or none. */
export type RouteRequirement = { readonly requirement: string } | typeof FILTER_DISABLED;

const METADATA = 'envoy.filters.http.jwt_authn';
const DETAILS = 'jwt_authn_access_denied';
/** Of a path, in the answer. */
const MAX_REALM = 256;

/** Filter envoy.filters.http.jwt_authn: requests whose tokens are not as the rules ask are answered with 401 or 403. */
export function jwtFactory(deps: JwtDeps): HttpFilterFactory {
  const store = new RemoteKeyStore(deps);
  return {
    compile(message: JwtAuthentication__Output, place, issues) {
      const before = issues.errors.length;
      const filter = new JwtFilter(message, place, deps, store, issues);
      return issues.errors.length > before ? undefined : filter;
    },
  };
}

/** Compiles a PerRouteConfig. */
export function compileJwtPerRoute(message: PerRouteConfig__Output, issues: Issues): RouteRequirement | undefined {
  if (message.disabled === true) return FILTER_DISABLED;
  if ((message.requirement_name ?? '') !== '') return { requirement: message.requirement_name ?? '' };
  issues.error('names no requirement, and does not switch the filter off');
  return undefined;
}

interface Rule {
  readonly match: CompiledMatch;
  readonly requirement: Requirement | undefined;
}

class JwtFilter implements HttpFilter {
  readonly name: string;
  readonly guards = true;
  private readonly rules: readonly Rule[];
  private readonly named: ReadonlyMap<string, Requirement>;
  private readonly bypassPreflight: boolean;
  private readonly terse: boolean;
  private readonly count: { readonly allowed: () => void; readonly denied: () => void; readonly preflight: () => void };

  constructor(
    message: JwtAuthentication__Output,
    place: FilterPlace,
    private readonly deps: JwtDeps,
    store: RemoteKeyStore,
    issues: Issues,
  ) {
    this.name = place.name;
    const prefix = `${place.statPrefix === '' ? '' : `http.${place.statPrefix}.`}jwt_authn.`;
    const counter = (name: string): (() => void) => {
      const found = deps.counters(prefix + name);
      return () => found.increment();
    };
    this.count = {
      allowed: counter('allowed'),
      denied: counter('denied'),
      preflight: counter('cors_preflight_bypassed'),
    };
    issues.refuse(message, ['filter_state_rules']);
    const providers = compileProviders(message.providers ?? {}, { ...deps, prefix, store }, issues.at('providers'));
    const compile = (requirement: Parameters<typeof compileRequirement>[0], at: Issues): Requirement | undefined =>
      compileRequirement(requirement, providers, at);
    const named = new Map<string, Requirement>();
    for (const [name, requirement] of Object.entries(message.requirement_map ?? {})) {
      const compiled = compile(requirement, issues.at(`requirement_map[${name}]`));
      if (compiled !== undefined) named.set(name, compiled);
    }
    this.named = named;
    this.rules = (message.rules ?? []).map((rule, index) => {
      const at = issues.at('rules').at(index);
      const { requires, requirement_name: wanted } = rule;
      if (wanted !== undefined && !named.has(wanted)) at.at('requirement_name').error(`'${wanted}' is not configured`);
      const requirement = requires === undefined ? named.get(wanted ?? '') : compile(requires, at.at('requires'));
      return { match: compileRouteMatch(rule.match, at.at('match')), requirement };
    });
    this.bypassPreflight = message.bypass_cors_preflight === true;
    this.terse = message.strip_failure_response === true;
  }

  onRequest(context: FilterContext): FilterVerdict {
    const { request } = context;
    if (this.bypassPreflight && isPreflight(request)) {
      this.count.preflight();
      this.count.allowed();
      return undefined;
    }
    const config = context.route()?.filterConfig(this.name) as RouteRequirement | undefined;
    const requirement = config === undefined ? this.requirementOf(context) : this.ofRoute(config);
    if (requirement === 'unknown') return this.unknownRequirement(config);
    if (requirement === undefined) {
      this.count.allowed();
      return undefined;
    }
    const realm = realmOf(request);
    const run: JwtRun = { request, extracted: {}, clearRoute: false };
    const status = requirement(run);
    if (typeof status === 'string') return this.conclude(status, run, context, realm);
    return status.then((later) => this.conclude(later, run, context, realm));
  }

  private requirementOf({ request, info }: FilterContext): Requirement | undefined {
    const context = { info, random: this.deps.random };
    const path = pathOnly(request.path);
    return this.rules.find(({ match }) => match.matches(request, path, context))?.requirement;
  }

  private ofRoute(config: RouteRequirement): Requirement | 'unknown' | undefined {
    if (config === FILTER_DISABLED) return undefined;
    return this.named.get(config.requirement) ?? 'unknown';
  }

  private unknownRequirement(config: RouteRequirement | undefined): LocalReply {
    this.count.denied();
    const name = config === undefined || config === FILTER_DISABLED ? '' : config.requirement;
    const error = `Wrong requirement_name: ${name}. It should be one of [${[...this.named.keys()].join(',')}]`;
    return {
      status: 403,
      body: this.terse ? '' : `Failed JWT authentication: ${error}`,
      details: details(error),
      flags: 0,
    };
  }

  private conclude(status: JwtStatus, run: JwtRun, context: FilterContext, realm: string): LocalReply | undefined {
    if (Object.keys(run.extracted).length > 0) {
      setDynamicMetadata(context.info, METADATA, run.extracted satisfies MetadataFields);
    }
    if (run.clearRoute) context.clearRoute?.();
    if (status === 'ok') {
      this.count.allowed();
      return undefined;
    }
    this.count.denied();
    return this.denial(status, realm);
  }

  private denial(status: JwtStatus, realm: string): LocalReply {
    const text = statusText(status);
    const error = status === 'missing' ? '' : ', error="invalid_token"';
    return {
      status: status === 'audience' ? 403 : 401,
      body: this.terse ? '' : text,
      details: details(text),
      flags: 0,
      ...(!this.terse && { headers: [['www-authenticate', `Bearer realm="${realm}"${error}`]] }),
    };
  }
}

function details(text: string): string {
  return `${DETAILS}{${text.replaceAll(' ', '_')}}`;
}

/** The URL that was asked for, before any token is taken out of it. */
function realmOf({ headers, authority, path }: RequestHead): string {
  const asked = headers.get('x-envoy-original-path') ?? path;
  return `${headers.get('x-forwarded-proto') ?? ''}://${authority}${asked.slice(0, MAX_REALM)}`;
}

function isPreflight({ method, headers }: RequestHead): boolean {
  return (
    method === 'OPTIONS' &&
    (headers.get('origin') ?? '') !== '' &&
    (headers.get('access-control-request-method') ?? '') !== ''
  );
}
