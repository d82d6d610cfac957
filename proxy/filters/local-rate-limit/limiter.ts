import type { Clock } from '../../../common/runtime/clock.js';
import type { LocalRateLimit__Output } from '../../../proto/gen/envoy/extensions/filters/http/local_ratelimit/v3/LocalRateLimit.js';
import type { DescriptorEntry } from '../../router/actions/rate-limits.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileTokenBucket, type TokenBucket } from './token-bucket.js';

export interface Decision {
  readonly allowed: boolean;
  /** What is told of in headers; undefined when nothing limits the request. */
  readonly bucket: TokenBucket | undefined;
  /** The bucket only counts what it would have refused. */
  readonly shadow: boolean;
}

/** Decides about one request, taking tokens. */
export interface Limiter {
  decide(descriptors: readonly (readonly DescriptorEntry[])[]): Decision;
}

interface CompiledDescriptor {
  readonly entries: readonly DescriptorEntry[];
  /** An entry without a value stands for any, each with a bucket of its own. */
  readonly open: boolean;
  readonly shadow: boolean;
  readonly newBucket: () => TokenBucket;
}

interface Match {
  readonly bucket: TokenBucket;
  readonly shadow: boolean;
}

const DYNAMIC_DESCRIPTORS = 20;

/** Compiles the buckets of a LocalRateLimit; the result makes limiters, one for all or one a connection. */
export function compileLimiter(message: LocalRateLimit__Output, clock: Clock, issues: Issues): () => Limiter {
  const standard =
    message.token_bucket === undefined
      ? undefined
      : compileTokenBucket(message.token_bucket, clock, issues.at('token_bucket'));
  const seen = new Set<string>();
  const descriptors = (message.descriptors ?? []).map((one, index): CompiledDescriptor => {
    const at = issues.at('descriptors').at(index);
    const entries = (one.entries ?? []).map(({ key = '', value = '' }) => ({ key, value }));
    if (seen.has(keyOf(entries))) at.error('is given twice');
    seen.add(keyOf(entries));
    if (one.token_bucket === undefined) at.at('token_bucket').error('is required');
    return {
      entries,
      open: entries.some(({ value }) => value === ''),
      shadow: one.shadow_mode === true,
      newBucket: compileTokenBucket(one.token_bucket ?? {}, clock, at.at('token_bucket')),
    };
  });
  const settings = {
    standard,
    descriptors,
    always: message.always_consume_default_token_bucket?.value ?? true,
    mostOpen: message.max_dynamic_descriptors?.value ?? DYNAMIC_DESCRIPTORS,
  };
  return () => new DescriptorLimiter(settings);
}

interface LimiterSettings {
  readonly standard: (() => TokenBucket) | undefined;
  readonly descriptors: readonly CompiledDescriptor[];
  /** The standard bucket counts beside those of descriptors. */
  readonly always: boolean;
  readonly mostOpen: number;
}

class DescriptorLimiter implements Limiter {
  private readonly standard: TokenBucket | undefined;
  private readonly closed = new Map<string, Match>();
  private readonly open: readonly { readonly descriptor: CompiledDescriptor; readonly buckets: Map<string, Match> }[];

  constructor(private readonly settings: LimiterSettings) {
    this.standard = settings.standard?.();
    const open = [];
    for (const descriptor of settings.descriptors) {
      if (descriptor.open) open.push({ descriptor, buckets: new Map<string, Match>() });
      else this.closed.set(keyOf(descriptor.entries), { bucket: descriptor.newBucket(), shadow: descriptor.shadow });
    }
    this.open = open;
  }

  decide(descriptors: readonly (readonly DescriptorEntry[])[]): Decision {
    const matches = descriptors.flatMap((entries) => this.find(entries) ?? []);
    // The slowest first: what it refuses costs the others nothing.
    if (matches.length > 1) matches.sort((a, b) => a.bucket.rate - b.bucket.rate);
    for (const { bucket, shadow } of matches) if (!bucket.take()) return { allowed: false, bucket, shadow };
    const [first] = matches;
    const { standard } = this;
    if (standard !== undefined && (first === undefined || this.settings.always) && !standard.take()) {
      return { allowed: false, bucket: standard, shadow: false };
    }
    return { allowed: true, bucket: first?.bucket ?? standard, shadow: first?.shadow === true };
  }

  private find(entries: readonly DescriptorEntry[]): Match | undefined {
    const key = keyOf(entries);
    const known = this.closed.get(key);
    if (known !== undefined) return known;
    const kind = this.open.find(({ descriptor }) => covers(descriptor.entries, entries));
    if (kind === undefined) return undefined;
    const { descriptor, buckets } = kind;
    const match = buckets.get(key) ?? { bucket: descriptor.newBucket(), shadow: descriptor.shadow };
    // The least recently used comes first, and goes when there are too many.
    buckets.delete(key);
    buckets.set(key, match);
    const [oldest] = buckets.size > this.settings.mostOpen ? buckets.keys() : [];
    if (oldest !== undefined) buckets.delete(oldest);
    return match;
  }
}

function keyOf(entries: readonly DescriptorEntry[]): string {
  return JSON.stringify(entries.map(({ key, value }) => [key, value]));
}

function covers(open: readonly DescriptorEntry[], entries: readonly DescriptorEntry[]): boolean {
  return (
    open.length === entries.length &&
    open.every(({ key, value }, i) => entries[i]?.key === key && (value === '' || entries[i]?.value === value))
  );
}
