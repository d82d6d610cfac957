import type { Duration, MatchLabelsSelector, PolicyTargetReference } from './shared.js';

/**
 * security.istio.io RequestAuthentication. Known, but not acted on in this release: tokens are not checked, so
 * `requestPrincipals` and `request.auth.*` conditions of policies count as unknown, which fails closed.
 */
export interface RequestAuthenticationSpec {
  readonly selector?: MatchLabelsSelector;
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  readonly jwtRules?: readonly JwtRule[];
}

export interface JwtRule {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly jwksUri?: string;
  readonly jwks?: string;
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly fromCookies?: readonly string[];
  readonly forwardOriginalToken?: boolean;
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
  readonly timeout?: Duration;
  readonly spaceDelimitedClaims?: readonly string[];
  readonly presence?: 'OPTIONAL' | 'REQUIRED';
}
