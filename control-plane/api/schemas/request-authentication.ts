import type { JwtRule, RequestAuthenticationSpec } from '../kinds/request-authentication.js';
import { object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import { bool, duration, enumOf, string } from '../schema/scalars.js';
import { list, refine, type Schema } from '../schema/schema.js';
import { matchLabels, nonEmpty, nonEmptyTexts, targetRef, targetRefs, text } from './shared.js';

/** What could never be asked for keys is refused here. */
const url = refine(
  string({ min: 1, max: 2_048, pattern: /^https?:\/\//, shape: 'a URL with http:// or https://' }),
  (value, path, report) => {
    if (!URL.canParse(value)) report.error(path, `must be a URL, got "${value}"`);
  },
);

const keySet = refine(text, (value, path, report) => {
  if (value !== '' && !isKeySet(value)) report.error(path, 'must be a JSON Web Key Set: {"keys": […]}');
});

function isKeySet(value: string): boolean {
  try {
    return Array.isArray((JSON.parse(value) as { readonly keys?: unknown } | null)?.keys);
  } catch {
    return false;
  }
}

const HEADER = /^[-_A-Za-z0-9]+$/;

const jwtRule: Schema<JwtRule> = object<JwtRule>(
  {
    issuer: nonEmpty,
    audiences: nonEmptyTexts,
    jwksUri: url,
    jwks: keySet,
    fromHeaders: list(
      object<{ readonly name: string; readonly prefix?: string }>({ name: required(nonEmpty), prefix: text }),
    ),
    fromParams: nonEmptyTexts,
    outputPayloadToHeader: text,
    fromCookies: nonEmptyTexts,
    forwardOriginalToken: bool,
    outputClaimToHeaders: list(
      object<{ readonly header: string; readonly claim: string }>({
        header: required(string({ min: 1, pattern: HEADER, shape: 'a header name' })),
        claim: required(nonEmpty),
      }),
    ),
    timeout: duration,
    spaceDelimitedClaims: list(nonEmpty, { max: 64 }),
    presence: unsupported(
      enumOf('OPTIONAL', 'REQUIRED'),
      'requests without a token pass; an AuthorizationPolicy with requestPrincipals asks for one',
    ),
  },
  {
    aliases: { jwks_uri: 'jwksUri' },
    atMostOne: [['jwksUri', 'jwks']],
    check(rule, path, report) {
      // Without one tokens of any issuer would do.
      if (rule.issuer === undefined) report.error(childPath(path, 'issuer'), 'is required');
    },
  },
);

/** RequestAuthentication (security.istio.io). */
export const requestAuthentication: Schema<RequestAuthenticationSpec> = object<RequestAuthenticationSpec>(
  {
    selector: matchLabels,
    targetRef,
    targetRefs,
    jwtRules: list(jwtRule, { max: 4_096 }),
  },
  { unknownFields: 'reject', atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);
