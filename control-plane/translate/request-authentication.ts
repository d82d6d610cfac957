import { formatClusterName } from '../../common/xds/names.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { JwtAuthentication } from '../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtAuthentication.js';
import type { JwtProvider } from '../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtProvider.js';
import type { JwtRequirement } from '../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtRequirement.js';
import type { RemoteJwks } from '../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/RemoteJwks.js';
import type { HttpFilter } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { JwtRule } from '../api/kinds/request-authentication.js';
import { jwksKey } from '../model/jwks.js';
import { durationMs } from '../model/mesh-settings.js';
import type { Workload } from '../model/service.js';
import { JWT_FILTER, JWT_PAYLOAD } from './authorization-claims.js';
import type { ProxyContext } from './context.js';
import { any, duration } from './messages.js';
import { providerCluster } from './provider-cluster.js';

const DEFAULT_TIMEOUT_MS = 5_000;
const CACHE_MS = 300_000;
/** Claims that hold a list, whatever a rule says. */
const LISTS = ['permission', 'scope'];

/**
 * A public key whose private key was thrown away when it was made: where an issuer's own keys cannot be had, every token is
 * refused, since nobody can have signed it.
 */
const NOBODYS_KEY = JSON.stringify({
  keys: [
    {
      kty: 'RSA',
      e: 'AQAB',
      n: '3VI669bXBohwW1lTTD8IpIxzrcZgSPQ-L0LO6-O2-pmP0rfcNLtad7jKxPMoMtctKzXny62MabCNbt8i14W1Fkmt1OwXtAyrvd5f1PXCBAR8pTxmITv_xzuI_5L_UNy6Ursl4SkEiwPAcldptxH4nBfc_W3_zYmBYwcLFa3HifdFe3an2s1b3pWbSA6RF9UFOZP4yv_2IODLp7sFt0MPiXhsnC4jlwfSSJxJ0TMs5oGj6Jm6hQRh4nnqWQ8SbmCVlTWngL8h8uiXcOTg8mDmeKCD0cnwGX_xOldulALbUpFfndsMf5-xYXabXwuXmRHbprDisCGPYmz7qDUq_eOP8w',
    },
  ],
});

/** The filter that checks a workload's tokens; none where no RequestAuthentication is for it. At gateways claims may choose routes. */
export function tokenFilters(context: ProxyContext, workload: Workload): HttpFilter[] {
  const rules = context.snapshot.requestAuthentications.of(workload);
  if (rules.length === 0) return [];
  const clearsRoute = context.node.role !== 'sidecar';
  const names = rules.map((_rule, index) => `origins-${index}`);
  const message: JwtAuthentication = {
    providers: Object.fromEntries(rules.map((rule, i) => [`origins-${i}`, provider(context, rule, clearsRoute)])),
    rules: [{ match: { prefix: '/' }, requires: requirement(names) }],
    bypass_cors_preflight: true,
  };
  return [{ name: JWT_FILTER, typed_config: any(EXTENSION.jwtAuthn, message) }];
}

/**
 * A token may be missing, but not bad. Providers may look at the same place, where a token of one is none of the others: so it
 * is enough that one finds its own.
 */
function requirement(names: readonly string[]): JwtRequirement {
  const ofEach = names.map(
    (provider_name): JwtRequirement => ({ requires_any: { requirements: [{ provider_name }, { allow_missing: {} }] } }),
  );
  const [only] = ofEach;
  if (ofEach.length === 1 && only !== undefined) return only;
  const anyOf = names.map((provider_name): JwtRequirement => ({ provider_name }));
  return { requires_any: { requirements: [...anyOf, { requires_all: { requirements: ofEach } }] } };
}

function provider(context: ProxyContext, rule: JwtRule, clearsRoute: boolean): JwtProvider {
  const { audiences = [], fromHeaders = [], fromParams = [], fromCookies = [], outputClaimToHeaders = [] } = rule;
  const headers = fromHeaders.map(({ name, prefix }) => ({ name, ...(prefix && { value_prefix: prefix }) }));
  const claims = outputClaimToHeaders.map(({ header, claim }) => ({ header_name: header, claim_name: claim }));
  const lists = [...new Set([...LISTS, ...(rule.spaceDelimitedClaims ?? [])])].sort();
  return {
    issuer: rule.issuer ?? '',
    ...(audiences.length > 0 && { audiences: [...audiences] }),
    ...keys(context, rule),
    ...(rule.forwardOriginalToken === true && { forward: true }),
    ...(headers.length > 0 && { from_headers: headers }),
    ...(fromParams.length > 0 && { from_params: [...fromParams] }),
    ...(fromCookies.length > 0 && { from_cookies: [...fromCookies] }),
    ...(rule.outputPayloadToHeader && { forward_payload_header: rule.outputPayloadToHeader }),
    ...(claims.length > 0 && { claim_to_headers: claims }),
    payload_in_metadata: JWT_PAYLOAD,
    normalize_payload_in_metadata: { space_delimited_claims: lists },
    ...(clearsRoute && { clear_route_cache: true }),
  };
}

function keys(context: ProxyContext, rule: JwtRule): Pick<JwtProvider, 'local_jwks' | 'remote_jwks'> {
  const key = jwksKey(rule);
  if (key === undefined) return { local_jwks: { inline_string: rule.jwks ?? '' } };
  const { mode, fetched } = context.snapshot.jwks;
  if (mode !== 'control-plane' && rule.jwksUri !== undefined) {
    const remote_jwks = remoteKeys(context, rule, rule.jwksUri, mode === 'proxy');
    if (remote_jwks !== undefined) return { remote_jwks };
  }
  return { local_jwks: { inline_string: fetched.get(key)?.text ?? NOBODYS_KEY } };
}

/** Keys that the proxy fetches through a cluster of the mesh; with `always` through one that is not there, rather than by us. */
function remoteKeys(context: ProxyContext, rule: JwtRule, uri: string, always: boolean): RemoteJwks | undefined {
  const { hostname: host, port, protocol } = new URL(uri);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const known = providerCluster(context, { service: host, port: number });
  if (known === undefined && !always) return undefined;
  return {
    http_uri: {
      uri,
      cluster: known?.cluster ?? formatClusterName({ direction: 'outbound', port: number, subset: '', host }),
      timeout: duration(durationMs(rule.timeout, DEFAULT_TIMEOUT_MS)),
    },
    cache_duration: duration(CACHE_MS),
  };
}
