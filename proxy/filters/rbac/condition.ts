import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { CidrRange__Output } from '../../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { TypedExtensionConfig__Output } from '../../../proto/gen/envoy/config/core/v3/TypedExtensionConfig.js';
import type { HeaderMatcher__Output } from '../../../proto/gen/envoy/config/route/v3/HeaderMatcher.js';
import type { MetadataMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/MetadataMatcher.js';
import type { PathMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/PathMatcher.js';
import type { StringMatcher__Output } from '../../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import type { DynamicMetadata } from '../../http/dynamic-metadata.js';
import type { RequestHead } from '../../http/message.js';
import type { ConnectionInfo } from '../../http/stream-info.js';
import { pathOnly } from '../../router/actions/rewrite.js';
import { compileHeaderMatcher } from '../../router/matchers/header-matcher.js';
import { compileMetadataMatcher } from '../../router/matchers/metadata-matcher.js';
import type { StringTest } from '../../router/matchers/regex.js';
import { compileStringMatcher } from '../../router/matchers/string-matcher.js';
import { compileUriTemplate } from '../../router/matchers/uri-template.js';
import { compileCidr } from '../../snapshot/cidr.js';
import type { Issues } from '../../snapshot/issues.js';

/** What a policy is asked about; a TCP connection has an empty request. */
export interface Subject {
  readonly request: RequestHead;
  readonly connection: ConnectionInfo;
  /** Client's address where X-Forwarded-For decides on it; absent or empty: the connection's. */
  readonly clientIp?: string;
  /** What filters before learnt about the request. */
  readonly metadata?: DynamicMetadata | undefined;
}

export type Condition = (subject: Subject) => boolean;

/**
 * How a condition that is not known counts: in an ALLOW rule as never met, in a DENY rule as always met, so that what
 * cannot be understood never lets anybody in. A negation turns it round.
 */
export type Unknown = boolean;

/** A list that all, or any, must meet. An empty one is met by `all` and not by `any`. */
export function all(conditions: readonly Condition[]): Condition {
  return (subject) => {
    for (const condition of conditions) if (!condition(subject)) return false;
    return true;
  };
}

export function any(conditions: readonly Condition[]): Condition {
  const only = conditions.length === 1 ? conditions[0] : undefined;
  if (only !== undefined) return only;
  return (subject) => {
    for (const condition of conditions) if (condition(subject)) return true;
    return false;
  };
}

export function not(condition: Condition): Condition {
  return (subject) => !condition(subject);
}

export const always: Condition = () => true;

/** Stands in for a condition that is not known, or not valid. */
export function unknownCondition(unknown: Unknown): Condition {
  return () => unknown;
}

export function headerCondition(matcher: HeaderMatcher__Output, unknown: Unknown, issues: Issues): Condition {
  const test = compileHeaderMatcher(matcher, issues);
  return test === undefined ? unknownCondition(unknown) : ({ request }) => test(request);
}

/** The path without query and fragment. */
export function pathCondition(matcher: PathMatcher__Output, unknown: Unknown, issues: Issues): Condition {
  const test = compileStringMatcher(matcher.path, issues.at('path'));
  if (test === undefined) return unknownCondition(unknown);
  return ({ request }) => request.path !== '' && test(pathOnly(request.path));
}

export function stringCondition(
  matcher: StringMatcher__Output,
  read: (subject: Subject) => string,
  unknown: Unknown,
  issues: Issues,
): Condition {
  const test = compileStringMatcher(matcher, issues);
  return test === undefined ? unknownCondition(unknown) : (subject) => test(read(subject));
}

export function addressCondition(
  range: CidrRange__Output,
  read: (subject: Subject) => string,
  issues: Issues,
): Condition {
  const cidr = compileCidr(range, issues);
  return cidr === undefined ? unknownCondition(false) : (subject) => cidr.contains(read(subject));
}

export function metadataCondition(matcher: MetadataMatcher__Output, unknown: Unknown, issues: Issues): Condition {
  const test = compileMetadataMatcher(matcher, issues);
  return test === undefined ? unknownCondition(unknown) : ({ metadata }) => test(metadata);
}

/** A path template, of the path without query and fragment. */
export function templateCondition(
  extension: TypedExtensionConfig__Output,
  unknown: Unknown,
  issues: Issues,
): Condition {
  const config = extension.typed_config as { readonly '@type'?: string; readonly path_template?: string } | undefined;
  if (config?.['@type'] !== EXTENSION.uriTemplateMatch) {
    issues.warn(`is of a kind that is not known: it counts as ${unknown ? 'met' : 'not met'}`);
    return unknownCondition(unknown);
  }
  const test = compileUriTemplate(config.path_template ?? '', issues.at('path_template'));
  if (test === undefined) return unknownCondition(unknown);
  return ({ request }) => request.path !== '' && test(pathOnly(request.path));
}

/** URI SAN, then DNS SANs, then subject of a verified peer certificate. */
export function peerMatches(connection: ConnectionInfo, test: StringTest): boolean {
  const { peer } = connection;
  if (!peer.mtls) return false;
  if (peer.uriSan !== undefined && test(peer.uriSan)) return true;
  return peer.dnsSans.some(test) || test(peer.subject);
}
