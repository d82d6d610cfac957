import type { JwtRule, RequestAuthenticationSpec } from '../kinds/request-authentication.js';
import { object, required, unsupported } from '../schema/object.js';
import { bool, duration, enumOf, string } from '../schema/scalars.js';
import { list, type Schema } from '../schema/schema.js';
import { matchLabels, nonEmpty, nonEmptyTexts, TARGET_REF_CONSEQUENCE, targetRef, targetRefs, text } from './shared.js';

const url = string({ min: 1, max: 2_048, pattern: /^https?:\/\//, shape: 'a URL with http:// or https://' });
const HEADER = /^[-_A-Za-z0-9]+$/;

const jwtRule: Schema<JwtRule> = object<JwtRule>(
  {
    issuer: nonEmpty,
    audiences: nonEmptyTexts,
    jwksUri: url,
    jwks: text,
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
    presence: enumOf('OPTIONAL', 'REQUIRED'),
  },
  { aliases: { jwks_uri: 'jwksUri' }, atMostOne: [['jwksUri', 'jwks']] },
);

/** RequestAuthentication (security.istio.io). */
export const requestAuthentication: Schema<RequestAuthenticationSpec> = object<RequestAuthenticationSpec>(
  {
    selector: matchLabels,
    targetRef: unsupported(targetRef, TARGET_REF_CONSEQUENCE),
    targetRefs: unsupported(targetRefs, TARGET_REF_CONSEQUENCE),
    jwtRules: unsupported(
      list(jwtRule, { max: 4_096 }),
      'tokens are not checked: rules that require one match nothing, and a bad token is not refused',
    ),
  },
  { unknownFields: 'reject', atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);
