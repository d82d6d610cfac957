import type { RequestHead } from '../../http/message.js';
import type { StreamInfo } from '../../http/stream-info.js';
import { xxHash64 } from '../../upstream/xxhash64.js';
import type { HashPolicy } from '../route.js';

const MASK = 0xffffffffffffffffn;

/**
 * The hash of a request by the route's policies, combined as Envoy does. Cookies that the client is to be given are
 * added to `cookies` as values of Set-Cookie.
 */
export function requestHash(
  policies: readonly HashPolicy[],
  request: RequestHead,
  info: StreamInfo,
  cookies: string[],
): bigint | undefined {
  let hash: bigint | undefined;
  for (const policy of policies) {
    const key = policy.key(request, info) ?? generated(policy, info, cookies);
    if (key !== undefined) {
      const next = typeof key === 'string' ? xxHash64(key) : key.reduce((seed, value) => xxHash64(value, seed), 0n);
      hash = hash === undefined ? next : (((hash << 1n) | (hash >> 63n)) & MASK) ^ next;
    }
    if (policy.terminal && hash !== undefined) break;
  }
  return hash;
}

/** The same value for all requests of a connection, so that requests in a race get the same cookie. */
function generated(policy: HashPolicy, info: StreamInfo, cookies: string[]): string | undefined {
  const cookie = policy.generateCookie;
  if (cookie === undefined) return undefined;
  const { remoteAddress, localAddress } = info.connection;
  const value = xxHash64(remoteAddress + localAddress)
    .toString(16)
    .padStart(16, '0');
  const age = cookie.ttlSeconds > 0 ? `; Max-Age=${cookie.ttlSeconds}` : '';
  const path = cookie.path === '' ? '' : `; Path=${cookie.path}`;
  cookies.push(`${cookie.name}="${value}"${age}${path}${cookie.attributes ?? ''}; HttpOnly`);
  return value;
}
