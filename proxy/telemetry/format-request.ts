import { requestHeader } from '../http/message.js';
import type { FormatContext } from './format.js';
import type { Factory } from './format-operators.js';

/** `%PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)%` */
export const path: Factory = (argument = '', length) => {
  const [query = '', source = ''] = options('PATH', argument, [
    ['', 'WQ', 'NQ'],
    ['', 'ORIG', 'PATH', 'ORIG_OR_PATH'],
  ]);
  return (context) => {
    const whole = pathOf(context, source);
    return (query === 'NQ' ? whole?.replace(/\?.*$/s, '') : whole)?.slice(0, length);
  };
};

function pathOf({ request }: FormatContext, source: string): string | undefined {
  if (request === undefined) return undefined;
  const original = source === 'PATH' ? undefined : request.headers.get('x-envoy-original-path');
  return source === 'ORIG' ? original : (original ?? request.path);
}

const queryOf = ({ request }: FormatContext): string | undefined => /\?([^#]*)/.exec(request?.path ?? '')?.[1];

/** `%QUERY_PARAM(NAME)%`: the first of that name. */
export const queryParameter: Factory = (argument = '', length) => {
  if (argument === '') throw new Error('format: %QUERY_PARAM% needs (NAME)');
  return (context) => {
    for (const pair of (queryOf(context) ?? '').split('&')) {
      const at = pair.indexOf('=');
      const name = at < 0 ? pair : pair.slice(0, at);
      if (decoded(name) === argument) return at < 0 ? '' : decoded(pair.slice(at + 1)).slice(0, length);
    }
    return undefined;
  };
};

/** `%QUERY_PARAMS(ORIG|DECODED)%` */
export const queryParameters: Factory = (argument = '', length) => {
  const [form] = options('QUERY_PARAMS', argument, [['', 'ORIG', 'DECODED']]);
  return (context) => {
    const query = queryOf(context);
    return (form === 'DECODED' && query !== undefined ? decoded(query) : query)?.slice(0, length);
  };
};

/** Percent signs that begin no byte stay. */
function decoded(value: string): string {
  if (!value.includes('%')) return value;
  const bytes = Buffer.from(
    value.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );
  return bytes.toString('utf8');
}

/** `%REQUESTED_SERVER_NAME(SNI_ONLY|SNI_FIRST|HOST_FIRST:ORIG|HOST|ORIG_OR_HOST)%` */
export const requestedServerName: Factory = (argument = '', length) => {
  const [order = '', source = ''] = options('REQUESTED_SERVER_NAME', argument, [
    ['', 'SNI_ONLY', 'SNI_FIRST', 'HOST_FIRST'],
    ['', 'ORIG', 'HOST', 'ORIG_OR_HOST'],
  ]);
  return (context) => {
    const sni = context.info.connection.peer.sni || undefined;
    if (order === '' || order === 'SNI_ONLY') return sni?.slice(0, length);
    const host = hostOf(context, source);
    return (order === 'SNI_FIRST' ? (sni ?? host) : (host ?? sni))?.slice(0, length);
  };
};

function hostOf({ request }: FormatContext, source: string): string | undefined {
  if (request === undefined) return undefined;
  const original = source === 'HOST' ? undefined : request.headers.get('x-envoy-original-host');
  return source === 'ORIG' ? original : (original ?? requestHeader(request, ':authority'));
}

/** The parts of `A:B`, each one of its choices; otherwise an Error. */
function options(operator: string, argument: string, choices: readonly (readonly string[])[]): string[] {
  const parts = argument.split(':');
  if (parts.length > choices.length || parts.some((part, index) => choices[index]?.includes(part) !== true)) {
    const known = choices.map((names) => names.filter(Boolean).join('|')).join(':');
    throw new Error(`format: %${operator}% takes (${known}), not (${argument})`);
  }
  return parts;
}
