import type { JwtProvider__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtProvider.js';
import type { RequestHead } from '../../http/message.js';

/** A token as it was found. */
export interface FoundToken {
  readonly text: string;
  /** Whether a provider that looks at this place takes tokens of an issuer. */
  takes(issuer: string): boolean;
  /** Takes it out of the request. */
  remove(request: RequestHead): void;
}

/** Where a provider's token may be. */
export interface TokenLocations {
  find(request: RequestHead): FoundToken[];
  /** Drops headers that only this filter may set. */
  sanitize(request: RequestHead): void;
}

interface Place {
  readonly key: string;
  find(request: RequestHead, parameters: () => Map<string, string[]>, cookies: () => Map<string, string>): string[];
  remove(request: RequestHead): void;
}

/** Compiles the places of providers; those that several name are looked at once. In Envoy's order: headers, parameters, cookies. */
export function compileLocations(providers: readonly JwtProvider__Output[]): TokenLocations {
  const kinds = [new Map<string, Shared>(), new Map<string, Shared>(), new Map<string, Shared>()] as const;
  const sanitized = new Set<string>();
  for (const provider of providers) {
    const { from_headers: headers = [], from_params: params = [], from_cookies: cookies = [] } = provider;
    const none = headers.length + params.length + cookies.length === 0;
    const wantedHeaders = none ? [{ name: 'authorization', value_prefix: 'Bearer ' }] : headers;
    for (const { name = '', value_prefix = '' } of wantedHeaders)
      share(kinds[0], headerPlace(name, value_prefix), provider);
    for (const name of none ? ['access_token'] : params) share(kinds[1], parameterPlace(name), provider);
    for (const name of cookies) share(kinds[2], cookiePlace(name), provider);
    if ((provider.forward_payload_header ?? '') !== '')
      sanitized.add(provider.forward_payload_header?.toLowerCase() ?? '');
    for (const { header_name = '' } of provider.claim_to_headers ?? []) sanitized.add(header_name.toLowerCase());
  }
  const places = kinds.flatMap((kind) => [...kind.values()].sort((a, b) => (a.place.key < b.place.key ? -1 : 1)));
  return {
    find: (request) => findTokens(places, request),
    sanitize(request) {
      for (const name of sanitized) request.headers.delete(name);
    },
  };
}

interface Shared {
  readonly place: Place;
  readonly issuers: Set<string>;
}

function share(kind: Map<string, Shared>, place: Place, { issuer = '' }: JwtProvider__Output): void {
  const known = kind.get(place.key);
  if (known === undefined) kind.set(place.key, { place, issuers: new Set([issuer]) });
  else known.issuers.add(issuer);
}

function findTokens(places: readonly Shared[], request: RequestHead): FoundToken[] {
  let parameters: Map<string, string[]> | undefined;
  let cookies: Map<string, string> | undefined;
  const found: FoundToken[] = [];
  for (const { place, issuers } of places) {
    const texts = place.find(
      request,
      () => (parameters ??= decodedQuery(request.path)),
      () => (cookies ??= parseCookies(request)),
    );
    for (const text of texts) {
      found.push({
        text,
        takes: (issuer) => issuers.has('') || issuers.has(issuer),
        remove: (head) => place.remove(head),
      });
    }
  }
  return found;
}

const TOKEN_CHARACTER = /[A-Za-z0-9_.-]/g;

function headerPlace(name: string, prefix: string): Place {
  const key = name.toLowerCase();
  return {
    key: key + prefix,
    find({ headers }) {
      return headers.all(key).flatMap((value) => {
        if (prefix === '') return [value];
        const at = value.indexOf(prefix);
        if (at < 0) return [];
        TOKEN_CHARACTER.lastIndex = at + prefix.length;
        const start = TOKEN_CHARACTER.exec(value);
        return [start === null ? value : value.slice(start.index)];
      });
    },
    remove: ({ headers }) => {
      headers.delete(key);
    },
  };
}

function parameterPlace(name: string): Place {
  return {
    key: name,
    find: (_request, parameters) => parameters().get(name)?.slice(0, 1) ?? [],
    remove(request) {
      const query = decodedQuery(request.path);
      query.delete(name);
      const text = [...query]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([key, values]) => values.map((value) => `${key}=${value}`));
      const [path = ''] = request.path.split('?', 1);
      request.path = text.length === 0 ? path : `${path}?${text.join('&')}`;
    },
  };
}

function cookiePlace(name: string): Place {
  return {
    key: name,
    find(_request, _parameters, cookies) {
      const value = cookies().get(name);
      return value === undefined ? [] : [value];
    },
    remove: () => {},
  };
}

/** Parameters of a path, decoded; `+` stays, as in Envoy. */
function decodedQuery(path: string): Map<string, string[]> {
  const parameters = new Map<string, string[]>();
  const start = path.indexOf('?');
  if (start < 0) return parameters;
  for (const pair of path.slice(start + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    const list = parameters.get(name);
    if (list === undefined) parameters.set(name, [value]);
    else list.push(value);
  }
  return parameters;
}

/** Only what is printable comes out of its escape: nothing that could end a line, or a URL, gets into a header or a path. */
function decode(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}/g, (escaped) => {
    const char = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[!-~]/.test(char) && !'%&#+='.includes(char) ? char : escaped;
  });
}

/** The first of several cookies with one name counts. */
function parseCookies({ headers }: RequestHead): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const line of headers.all('cookie')) {
    for (const part of line.split(';')) {
      const equals = part.indexOf('=');
      if (equals < 0) continue;
      const name = part.slice(0, equals).trim();
      const value = part.slice(equals + 1).trim();
      if (!cookies.has(name)) cookies.set(name, /^".*"$/.test(value) ? value.slice(1, -1) : value);
    }
  }
  return cookies;
}
