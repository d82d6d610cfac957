import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { parseDuration } from '../api/duration.js';
import type { JwtRule } from '../api/kinds/request-authentication.js';
import { type FetchedJwks, type JwksFetchMode, type JwksState, jwksKey } from '../model/jwks.js';
import { durationMs } from '../model/mesh-settings.js';

export interface JwksSettings {
  readonly mode: JwksFetchMode;
  /** How long keys are good before they are asked for again. */
  readonly refreshMs: number;
}

/** By the names that istiod's settings have. */
export function jwksSettings(environment: Readonly<Record<string, string | undefined>>): JwksSettings {
  const mode = environment['PILOT_JWT_ENABLE_REMOTE_JWKS'] ?? '';
  const interval = environment['PILOT_JWT_PUB_KEY_REFRESH_INTERVAL'] ?? '';
  return {
    mode: MODES[mode.toLowerCase()] ?? 'control-plane',
    refreshMs: parseDuration(interval) || DEFAULT_REFRESH_MS,
  };
}

const MODES: Readonly<Record<string, JwksFetchMode>> = { hybrid: 'hybrid', true: 'hybrid', envoy: 'proxy' };

export interface JwksResolverOptions extends JwksSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The text behind a URL. */
  readonly fetch: (url: string, timeoutMs: number) => Promise<string>;
  /** Keys have come, gone bad, or changed. */
  readonly onChange: () => void;
}

const DEFAULT_REFRESH_MS = 20 * 60_000;
const DEFAULT_TIMEOUT_MS = 5_000;
/** How long a configuration waits for keys that nobody has asked for before. */
const FIRST_WAIT_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
const DISCOVERY = '/.well-known/openid-configuration';

interface Wanted {
  rule: JwtRule;
  readonly key: string;
  result: FetchedJwks | undefined;
  failures: number;
  timer: Timer | undefined;
}

/** Fetches the keys of issuers, refreshes them in the background, and keeps what it has while an issuer is down. */
export class JwksResolver {
  private readonly wanted = new Map<string, Wanted>();
  private state: JwksState;
  private waiting = 0;

  constructor(private readonly options: JwksResolverOptions) {
    this.state = { mode: options.mode, fetched: new Map() };
  }

  /** What is known of the keys of these rules, and no others; the same object as before where nothing has changed. */
  async of(rules: readonly JwtRule[]): Promise<JwksState> {
    const asked = new Map(rules.flatMap((rule) => this.keyOf(rule)));
    for (const [key, entry] of this.wanted) if (!asked.has(key)) this.drop(entry);
    const fresh: Promise<void>[] = [];
    for (const [key, rule] of asked) {
      const known = this.wanted.get(key);
      if (known === undefined) fresh.push(this.add(key, rule));
      else known.rule = rule;
    }
    if (fresh.length > 0) await this.patience(fresh);
    this.publish();
    return this.state;
  }

  stop(): void {
    for (const entry of this.wanted.values()) this.drop(entry);
  }

  private keyOf(rule: JwtRule): (readonly [string, JwtRule])[] {
    const key = jwksKey(rule);
    const byProxy = this.options.mode === 'proxy' && rule.jwksUri !== undefined;
    return key === undefined || byProxy ? [] : [[key, rule]];
  }

  private add(key: string, rule: JwtRule): Promise<void> {
    let settled = (): void => {};
    const first = new Promise<void>((resolve) => {
      settled = resolve;
    });
    const entry: Wanted = { key, rule, result: undefined, failures: 0, timer: undefined };
    this.wanted.set(key, entry);
    void this.refresh(entry).then(settled);
    return first;
  }

  private drop(entry: Wanted): void {
    entry.timer?.cancel();
    this.wanted.delete(entry.key);
  }

  private async patience(first: readonly Promise<void>[]): Promise<void> {
    this.waiting++;
    let timer: Timer | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = this.options.clock.after(FIRST_WAIT_MS, resolve);
    });
    await Promise.race([Promise.all(first), enough]);
    timer?.cancel();
    this.waiting--;
  }

  private async refresh(entry: Wanted): Promise<void> {
    const before = entry.result;
    const result = await this.fetch(entry);
    if (this.wanted.get(entry.key) !== entry) return;
    entry.result = result;
    entry.failures = result.error === undefined ? 0 : entry.failures + 1;
    entry.timer = this.options.clock.after(this.pauseOf(entry), () => void this.refresh(entry));
    const same = before !== undefined && before.text === result.text && before.error === result.error;
    if (!same && this.waiting === 0) this.options.onChange();
  }

  /** With jitter: replicas, and issuers, are not asked all at once. */
  private pauseOf({ failures }: Wanted): number {
    const ms = failures === 0 ? this.options.refreshMs : Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
    return ms * (0.8 + 0.4 * this.options.random());
  }

  private async fetch({ rule, result }: Wanted): Promise<FetchedJwks> {
    const timeoutMs = durationMs(rule.timeout, DEFAULT_TIMEOUT_MS);
    try {
      const url = rule.jwksUri ?? (await this.discover(rule.issuer ?? '', timeoutMs));
      const text = await this.options.fetch(url, timeoutMs);
      if (!isKeySet(text)) throw new Error(`what ${url} answers is no JSON Web Key Set`);
      return { text, error: undefined };
    } catch (error) {
      const reason = messageOf(error);
      this.options.log.warn({ issuer: rule.issuer, reason }, 'the keys of an issuer cannot be fetched');
      return { text: result?.text, error: reason };
    }
  }

  /** OpenID Connect Discovery 1.0, section 4. */
  private async discover(issuer: string, timeoutMs: number): Promise<string> {
    if (!/^https?:\/\//.test(issuer))
      throw new Error(`the issuer "${issuer}" is no URL, and there is neither jwks nor jwksUri`);
    const text = await this.options.fetch(issuer.replace(/\/$/, '') + DISCOVERY, timeoutMs);
    const url = (JSON.parse(text) as { readonly jwks_uri?: unknown } | null)?.jwks_uri;
    if (typeof url !== 'string' || !URL.canParse(url)) throw new Error('the issuer does not say where its keys are');
    return url;
  }

  private publish(): void {
    const fetched = new Map<string, FetchedJwks>();
    for (const { key, result } of this.wanted.values()) if (result !== undefined) fetched.set(key, result);
    const before = this.state.fetched;
    const same =
      before.size === fetched.size && [...fetched].every(([key, result]) => sameResult(before.get(key), result));
    if (!same) this.state = { ...this.state, fetched };
  }
}

function sameResult(a: FetchedJwks | undefined, b: FetchedJwks): boolean {
  return a !== undefined && a.text === b.text && a.error === b.error;
}

/** Nothing else gets into a configuration that others can read. */
function isKeySet(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { readonly keys?: unknown } | null)?.keys);
  } catch {
    return false;
  }
}
