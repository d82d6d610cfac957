import type { Clock } from '../../../common/runtime/clock.js';
import type { JwtProvider__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtProvider.js';
import type { RemoteJwks__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/RemoteJwks.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import type { CounterSource } from '../counter.js';
import { type KeySource, localKeys } from './key-source.js';
import { Provider } from './provider.js';
import type { RemoteKeyStore, RemoteKeysConfig } from './remote-keys.js';

interface ProviderParts {
  readonly clock: Clock;
  readonly counters: CounterSource;
  /** Of the filter's counters. */
  readonly prefix: string;
  readonly store: RemoteKeyStore;
}

const DEFAULT_CACHE_MS = 600_000;
const DEFAULT_REFETCH_MS = 1_000;
const DEFAULT_BACK_OFF_MS = 1_000;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function compileProviders(
  messages: Readonly<Record<string, JwtProvider__Output>>,
  parts: ProviderParts,
  issues: Issues,
): ReadonlyMap<string, Provider> {
  const deps = {
    clock: parts.clock,
    hit: parts.counters(`${parts.prefix}jwt_cache_hit`),
    miss: parts.counters(`${parts.prefix}jwt_cache_miss`),
  };
  const providers = new Map<string, Provider>();
  for (const [name, message] of Object.entries(messages)) {
    const at = issues.at(name);
    checkHeaders(message, at);
    const source = keySource(message, parts, at);
    if (source !== undefined) providers.set(name, new Provider(message, source, deps, at));
  }
  return providers;
}

function checkHeaders(message: JwtProvider__Output, issues: Issues): void {
  const names = [
    ...(message.from_headers ?? []).map(({ name }) => name ?? ''),
    ...(message.claim_to_headers ?? []).map(({ header_name }) => header_name ?? ''),
    ...(message.forward_payload_header === undefined ? [] : [message.forward_payload_header]),
  ];
  for (const name of names) if (name !== '' && !HEADER_NAME.test(name)) issues.error(`'${name}' is no header name`);
}

function keySource(message: JwtProvider__Output, parts: ProviderParts, issues: Issues): KeySource | undefined {
  if (message.local_jwks !== undefined) return localKeys(message.local_jwks, issues.at('local_jwks'));
  if (message.remote_jwks === undefined) {
    issues.error('names no keys (local_jwks or remote_jwks)');
    return undefined;
  }
  const config = remoteConfig(message.remote_jwks, issues.at('remote_jwks'));
  if (config === undefined) return undefined;
  return parts.store.get(config, {
    success: parts.counters(`${parts.prefix}jwks_fetch_success`),
    failed: parts.counters(`${parts.prefix}jwks_fetch_failed`),
  });
}

function remoteConfig(message: RemoteJwks__Output, issues: Issues): RemoteKeysConfig | undefined {
  const { uri = '', cluster, timeout } = message.http_uri ?? {};
  const [, authority, path] = /^(?:https?:\/\/)?([^/]+)(\/.*)?$/s.exec(uri) ?? [];
  if (authority === undefined) issues.at('http_uri').at('uri').error(`'${uri}' is no URL`);
  if (cluster === undefined || cluster === '') issues.at('http_uri').at('cluster').error('is empty');
  if (authority === undefined || cluster === undefined || cluster === '') return undefined;
  const { num_retries: retries, retry_back_off: backOff } = message.retry_policy ?? {};
  const backOffMs = durationMs(backOff?.base_interval) ?? DEFAULT_BACK_OFF_MS;
  return {
    cluster,
    authority,
    path: path ?? '/',
    timeoutMs: durationMs(timeout) ?? 0,
    cacheMs: durationMs(message.cache_duration) ?? DEFAULT_CACHE_MS,
    retries: message.retry_policy === undefined ? 0 : (retries?.value ?? 1),
    backOffMs,
    maxBackOffMs: durationMs(backOff?.max_interval) ?? backOffMs * 10,
    asyncRetryMs:
      message.async_fetch === undefined
        ? undefined
        : (durationMs(message.async_fetch.failed_refetch_duration) ?? DEFAULT_REFETCH_MS),
  };
}
