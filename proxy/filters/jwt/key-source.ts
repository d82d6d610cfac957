import type { DataSource__Output } from '../../../proto/gen/envoy/config/core/v3/DataSource.js';
import type { Issues } from '../../snapshot/issues.js';
import { readDataSource } from '../../tls/data-source.js';
import { type KeySet, parseKeySet } from './keys.js';
import type { JwtStatus } from './status.js';

/** Where the keys of a provider come from. */
export interface KeySource {
  /** Grows whenever the keys change. */
  readonly version: number;
  /** The keys to check a token of this key ID with: at once where they are at hand, or why there are none. */
  keys(kid: string): KeySet | JwtStatus | Promise<KeySet | JwtStatus>;
}

/** Keys of the configuration, or of a file. A set without usable keys is no error: its tokens are refused. */
export function localKeys(source: DataSource__Output, issues: Issues): KeySource | undefined {
  const text = readDataSource(source, issues);
  if (text === undefined) return undefined;
  const keys = parseKeySet(text);
  if (keys === undefined) issues.warn('holds no public key that can be used: every token is refused');
  return { version: 0, keys: () => keys ?? 'no-valid-keys' };
}
