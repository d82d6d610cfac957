import type { ActiveStream } from './active-stream.js';
import { applyClientCert } from './client-cert.js';
import { applyForwarded } from './forwarded-for.js';
import type { RequestHead } from './message.js';
import { isPlainPath, normalizePath } from './path-normalization.js';
import { newRequestId } from './request-id.js';
import type { RequestMeta } from './server-codec.js';
import type { LocalReply } from './stream.js';
import type { ConnectionInfo } from './stream-info.js';

const reply = (status: number, details: string, body = '', headers: LocalReply['headers'] = []): LocalReply => ({
  status,
  body,
  details,
  flags: 0,
  headers,
});

/** Envoy's checks of a request that is well-formed, in its order; a reply ends the request. */
export function checkRequest(stream: ActiveStream, meta: RequestMeta): LocalReply | undefined {
  const { request, config } = stream;
  if (request.version === 'HTTP/1.0') {
    if (!meta.hasHost && config.http10.defaultHost !== '') request.authority = config.http10.defaultHost;
    else if (!meta.hasHost) return reply(400, 'missing_host_header');
  } else if (!meta.hasHost) {
    return reply(400, 'missing_host_header');
  }
  const underscores = config.headersWithUnderscores ?? 'allow';
  if (underscores !== 'allow' && !acceptUnderscores(stream, underscores)) {
    return reply(400, 'http1.unexpected_underscore');
  }
  if (meta.upgrade === 'connect') return undefined;
  return checkPath(stream);
}

/** Applications behind CGI-like servers mistake `_` for `-`; returns whether the request may pass. */
function acceptUnderscores(stream: ActiveStream, action: 'reject' | 'drop'): boolean {
  const { headers } = stream.request;
  const before = headers.size;
  headers.deleteWhere((key) => key.includes('_'));
  return action === 'drop' || headers.size === before;
}

function checkPath(stream: ActiveStream): LocalReply | undefined {
  const { request, config } = stream;
  // As Envoy, `OPTIONS *` too: it has no route.
  if (request.path.charCodeAt(0) !== 47 /* / */) return reply(404, 'absolute_path_rejected');
  if (request.path.includes('#')) return reply(400, 'path_normalization_failed');
  const { path } = config;
  if (isPlainPath(request.path)) return undefined;
  if (!path.normalize && !path.mergeSlashes && path.escapedSlashes === 'keep') return undefined;
  const normalized = normalizePath(request.path, path);
  if (normalized.kind === 'reject') return reply(400, 'path_normalization_failed');
  request.path = normalized.path;
  stream.info.path = normalized.path;
  if (normalized.kind === 'redirect') {
    return reply(307, 'path_normalization_failed', '', [['location', normalized.path]]);
  }
  return undefined;
}

/** Removes what a client must not claim and adds what upstream relies on. */
export function prepareRequest(stream: ActiveStream, connection: ConnectionInfo): void {
  const { request, config, info } = stream;
  const { headers } = request;
  const secure = request.scheme === 'https';
  stripPort(stream, connection.localPort, secure);
  info.clientIp = applyForwarded(headers, connection, secure, config.xff);
  if (request.schemeGiven === false) takeForwardedScheme(request);
  applyClientCert(headers, connection.peer, config);
  applyRequestId(stream);
  if (config.via !== '') {
    const received = headers.joined('via');
    headers.set('via', received === undefined ? config.via : `${received}, ${config.via}`);
  }
  info.authority = request.authority;
}

/** What matches go by and what goes upstream, not what this connection is. */
function takeForwardedScheme(request: RequestHead): void {
  const told = request.headers.get('x-forwarded-proto');
  if (told === 'http' || told === 'https') request.scheme = told;
}

function applyRequestId(stream: ActiveStream): void {
  const { config, info, request } = stream;
  const received = request.headers.get('x-request-id');
  const { xff } = config;
  const inside = !xff.useRemoteAddress || (xff.isInternal !== undefined && request.headers.has('x-envoy-internal'));
  const keep = inside || config.requestId.preserveExternal;
  if (received !== undefined && (keep || !config.requestId.generate)) {
    info.requestId = received;
  } else if (config.requestId.generate) {
    info.requestId = newRequestId();
    request.headers.set('x-request-id', info.requestId);
  }
}

function stripPort(stream: ActiveStream, localPort: number, secure: boolean): void {
  const mode = stream.config.stripPort;
  if (mode === 'none') return;
  const { request } = stream;
  const match = /^(.*[^:]|\[[^\]]*\]):(\d+)$/.exec(request.authority);
  const [, host, port] = match ?? [];
  if (host === undefined) return;
  const connectDefault = request.method === 'CONNECT' && Number(port) !== (secure ? 443 : 80);
  if (mode === 'matching' && (Number(port) !== localPort || connectDefault)) return;
  request.authority = host;
}
