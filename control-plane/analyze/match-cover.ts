import type { StringMatch } from '../api/kinds/shared.js';
import type { HttpMatchRequest } from '../api/kinds/virtual-service.js';

type Matches = Readonly<Record<string, StringMatch>>;

/**
 * Whether every request that `narrow` matches is matched by `wide` too. May say no where it is so (regular expressions are
 * only compared as text), never yes where it is not.
 */
export function covers(wide: HttpMatchRequest, narrow: HttpMatchRequest): boolean {
  if (wide.unknownMatch === true || narrow.unknownMatch === true) return false;
  return (
    coversPath(wide, narrow) &&
    coversText(wide.scheme, narrow.scheme) &&
    coversText(wide.method, narrow.method) &&
    coversText(wide.authority, narrow.authority) &&
    (wide.port === undefined || wide.port === narrow.port) &&
    coversAll(wide.headers, narrow.headers) &&
    coversAll(wide.queryParams, narrow.queryParams) &&
    coversLabels(wide.sourceLabels, narrow.sourceLabels) &&
    coversGateways(wide.gateways, narrow.gateways) &&
    coversAbsence(wide.withoutHeaders, narrow.withoutHeaders) &&
    (wide.sourceNamespace || narrow.sourceNamespace) === narrow.sourceNamespace
  );
}

/** Every path starts with a slash. */
function coversPath(wide: HttpMatchRequest, narrow: HttpMatchRequest): boolean {
  if (wide.uri?.prefix === '/') return true;
  const folds = narrow.ignoreUriCase === true && wide.ignoreUriCase !== true;
  return folds ? wide.uri === undefined || isAny(wide.uri) : coversText(wide.uri, narrow.uri);
}

function coversText(wide: StringMatch | undefined, narrow: StringMatch | undefined): boolean {
  if (wide === undefined || isAny(wide)) return true;
  if (narrow === undefined) return false;
  if (wide.exact !== undefined) return narrow.exact === wide.exact;
  if (wide.regex !== undefined) return narrow.regex === wide.regex;
  const prefix = wide.prefix ?? '';
  return (narrow.exact ?? narrow.prefix)?.startsWith(prefix) === true;
}

function isAny({ exact, prefix, regex }: StringMatch): boolean {
  return regex === '.*' || (exact === undefined && prefix === undefined && regex === undefined);
}

/** A header that is asked for must be asked for by the narrower match too, since it may be missing. */
function coversAll(wide: Matches | undefined, narrow: Matches | undefined): boolean {
  return Object.entries(wide ?? {}).every(([name, match]) => {
    const other = narrow?.[name];
    return other !== undefined && coversText(match, other);
  });
}

/** The narrower match must leave out all that the wider one does. */
function coversAbsence(wide: Matches | undefined, narrow: Matches | undefined): boolean {
  return Object.entries(wide ?? {}).every(([name, match]) => {
    const other = narrow?.[name];
    return other !== undefined && coversText(other, match);
  });
}

function coversLabels(
  wide: Readonly<Record<string, string>> | undefined,
  narrow: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wide ?? {}).every(([name, value]) => narrow?.[name] === value);
}

function coversGateways(wide: readonly string[] | undefined, narrow: readonly string[] | undefined): boolean {
  if (wide === undefined || wide.length === 0) return true;
  return narrow !== undefined && narrow.length > 0 && narrow.every((gateway) => wide.includes(gateway));
}
