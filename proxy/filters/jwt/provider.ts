import type { Clock } from '../../../common/runtime/clock.js';
import type { JwtProvider__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtProvider.js';
import type { MetadataFields } from '../../http/dynamic-metadata.js';
import type { RequestHead } from '../../http/message.js';
import type { StringTest } from '../../router/matchers/regex.js';
import { compileStringMatcher } from '../../router/matchers/string-matcher.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import type { Counter } from '../counter.js';
import type { KeySource } from './key-source.js';
import type { KeySet } from './keys.js';
import type { FoundToken } from './locations.js';
import { payloadMetadata, tokenHeaders } from './output.js';
import { verifySignature } from './signature.js';
import { type JwtStatus, statusNumber, statusText } from './status.js';
import { type ParsedToken, parseToken } from './token.js';
import { TokenCache } from './token-cache.js';

/** What one request's tokens leave behind. */
export interface JwtRun {
  readonly request: RequestHead;
  /** What goes into the dynamic metadata, by key. */
  readonly extracted: Record<string, MetadataFields>;
  /** The route has to be looked up again. */
  clearRoute: boolean;
}

export interface ProviderDeps {
  readonly clock: Clock;
  readonly hit: Counter;
  readonly miss: Counter;
}

/** Audiences that a token must have one of; undefined takes any. */
export type Audiences = ReadonlySet<string> | undefined;

const DEFAULT_SKEW_SECONDS = 60;
const DEFAULT_CACHE = { size: 256, maxLength: 4096 };

/** An issuer of tokens, and what is done with them (JwtProvider). */
export class Provider {
  readonly issuer: string;
  private readonly audiences: Audiences;
  private readonly subjects: StringTest | undefined;
  private readonly skew: number;
  /** Seconds that a token may still have; undefined where it need not end. */
  private readonly maxLifetime: number | undefined;
  private readonly cache: TokenCache;
  private cachedVersion = 0;

  constructor(
    readonly message: JwtProvider__Output,
    private readonly source: KeySource,
    private readonly deps: ProviderDeps,
    issues: Issues,
  ) {
    this.issuer = message.issuer ?? '';
    this.audiences = compileAudiences(message.audiences ?? []);
    this.subjects =
      message.subjects === undefined
        ? undefined
        : (compileStringMatcher(message.subjects, issues.at('subjects')) ?? (() => false));
    this.skew = (message.clock_skew_seconds ?? 0) > 0 ? (message.clock_skew_seconds ?? 0) : DEFAULT_SKEW_SECONDS;
    const lifetime = durationMs(message.max_lifetime);
    if (lifetime !== undefined) this.maxLifetime = lifetime / 1000;
    else this.maxLifetime = message.require_expiration === true ? Number.POSITIVE_INFINITY : undefined;
    const { jwt_cache_size: size = 0, jwt_max_token_size: maxLength = 0 } = message.jwt_cache_config ?? {};
    this.cache = new TokenCache(size || DEFAULT_CACHE.size, maxLength || DEFAULT_CACHE.maxLength);
  }

  /** Checks one token, and acts on a good one. */
  check(found: FoundToken, run: JwtRun, audiences: Audiences | null): JwtStatus | Promise<JwtStatus> {
    const status = this.checkToken(found, run, audiences === null ? this.audiences : audiences);
    if (typeof status === 'string') return this.note(status, run);
    return status.then((later) => this.note(later, run));
  }

  private note(status: JwtStatus, run: JwtRun): JwtStatus {
    const key = this.message.failed_status_in_metadata ?? '';
    if (status !== 'ok' && key !== '') {
      run.extracted[key] = { code: String(statusNumber(status)), message: statusText(status) };
    }
    return status;
  }

  /** A provider whose token did not come says so as for a bad one. */
  missing(run: JwtRun): JwtStatus {
    return this.note('missing', run);
  }

  private checkToken(found: FoundToken, run: JwtRun, audiences: Audiences): JwtStatus | Promise<JwtStatus> {
    if (this.cachedVersion !== this.source.version) {
      this.cache.clear();
      this.cachedVersion = this.source.version;
    }
    const known = this.cache.get(found.text);
    (known === undefined ? this.deps.miss : this.deps.hit).increment();
    const token = known ?? parseToken(found.text);
    if (typeof token === 'string') return token;
    const status = this.checkClaims(token, found, audiences);
    if (status !== 'ok') return status;
    if (known !== undefined) return this.accept(token, found, run);
    return this.checkSignature(token, found, run);
  }

  private checkClaims(token: ParsedToken, found: FoundToken, audiences: Audiences): JwtStatus {
    if (!found.takes(token.issuer)) return 'unknown-issuer';
    if (this.subjects?.(token.subject) === false) return 'verification';
    const now = Math.floor(this.deps.clock.now() / 1000);
    const { expires = 0, notBefore = 0 } = token;
    if (this.maxLifetime !== undefined) {
      if (token.expires === undefined || expires - now >= this.maxLifetime) return 'verification';
    }
    if (now + this.skew < notBefore) return 'not-yet-valid';
    if (expires > 0 && now > expires + this.skew) return 'expired';
    if (audiences === undefined || token.audiences.some((audience) => audiences.has(plainAudience(audience))))
      return 'ok';
    return 'audience';
  }

  private async checkSignature(token: ParsedToken, found: FoundToken, run: JwtRun): Promise<JwtStatus> {
    const keys: KeySet | JwtStatus = await this.source.keys(token.kid);
    if (typeof keys === 'string') return keys;
    const { version } = this.source;
    const status = await verifySignature(token, keys);
    if (status !== 'ok') return status;
    if (version === this.source.version && version === this.cachedVersion) this.cache.add(found.text, token);
    return this.accept(token, found, run);
  }

  private accept(token: ParsedToken, found: FoundToken, run: JwtRun): JwtStatus {
    const { message } = this;
    const headers = tokenHeaders(message, token);
    for (const [name, value] of headers) run.request.headers.append(name, value);
    if (message.forward !== true) found.remove(run.request);
    const header = message.header_in_metadata ?? '';
    if (header !== '') run.extracted[header] = token.headerFields;
    const payload = message.payload_in_metadata ?? '';
    if (payload !== '') run.extracted[payload] = payloadMetadata(message, token.claims);
    if (message.clear_route_cache === true && (payload !== '' || headers.length > 0)) run.clearRoute = true;
    return 'ok';
  }
}

/** Audiences without scheme and without the slash at the end, as Envoy compares them. */
export function compileAudiences(list: readonly string[]): Audiences {
  return list.length === 0 ? undefined : new Set(list.map(plainAudience));
}

function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
