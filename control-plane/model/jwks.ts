import type { JwtRule } from '../api/kinds/request-authentication.js';

/** Who fetches the keys of a `jwksUri` (PILOT_JWT_ENABLE_REMOTE_JWKS): we, the proxy where the mesh knows the host, or always the proxy. */
export type JwksFetchMode = 'control-plane' | 'hybrid' | 'proxy';

/** What is known of the keys of one issuer. */
export interface FetchedJwks {
  /** The last good answer; undefined while there was none. */
  readonly text: string | undefined;
  /** Why the last try failed; undefined when it did not. */
  readonly error: string | undefined;
}

/** Keys that the control plane fetches, by {@link jwksKey}. */
export interface JwksState {
  readonly mode: JwksFetchMode;
  readonly fetched: ReadonlyMap<string, FetchedJwks>;
}

export const NO_JWKS: JwksState = { mode: 'control-plane', fetched: new Map() };

/** Where the keys of a rule are: at a URL, or where the issuer says by OpenID discovery; undefined where the rule has them itself. */
export function jwksKey(rule: JwtRule): string | undefined {
  if ((rule.jwks ?? '') !== '') return undefined;
  return rule.jwksUri === undefined || rule.jwksUri === '' ? `issuer ${rule.issuer ?? ''}` : `uri ${rule.jwksUri}`;
}
