import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import type { HeaderList } from './headers.js';
import type { ConnectionInfo } from './stream-info.js';

const XFF = 'x-forwarded-for';

/**
 * X-Forwarded-For and X-Forwarded-Proto, and the trust that follows from them: a request straight from a client
 * (use_remote_address) loses the x-envoy-* fields that only the mesh may set, unless the client is one of our own.
 * Returns the client's address where X-Forwarded-For decides on it, otherwise nothing.
 */
export function applyForwarded(
  headers: HeaderList,
  connection: ConnectionInfo,
  secure: boolean,
  xff: ConnectionManagerConfig['xff'],
): string {
  if (xff.useRemoteAddress) {
    const trusted = xff.trustedHops > 0 ? addressFromEnd(headers.joined(XFF), xff.trustedHops - 1) : undefined;
    const client = trusted ?? connection.remoteIp;
    const internal = xff.isInternal !== undefined && !headers.has(XFF) && xff.isInternal(client);
    if (!xff.skipAppend) append(headers, connection.remoteIp);
    if (xff.trustedHops === 0 || !headers.has('x-forwarded-proto')) {
      headers.set('x-forwarded-proto', secure ? 'https' : 'http');
    }
    if (internal) {
      headers.set('x-envoy-internal', 'true');
      return trusted ?? '';
    }
    removeInternal(headers, true);
    headers.set('x-envoy-external-address', client);
    return trusted ?? '';
  }
  if (!headers.has('x-forwarded-proto')) {
    headers.appendKnown('x-forwarded-proto', 'x-forwarded-proto', secure ? 'https' : 'http');
  }
  const client = addressFromEnd(headers.joined(XFF), xff.trustedHops) ?? '';
  if (xff.isInternal?.(singleAddress(headers)) === true) headers.set('x-envoy-internal', 'true');
  else removeInternal(headers, false);
  return client;
}

/** The address in X-Forwarded-For when it is the only one. */
function singleAddress(headers: HeaderList): string {
  const list = headers.joined(XFF)?.trim() ?? '';
  return isIP(list) === 0 ? '' : list;
}

/** As Envoy, a loopback client is known to others by this machine's own address. */
function append(headers: HeaderList, remoteIp: string): void {
  const ip = isLoopback(remoteIp) ? ownAddress() : remoteIp;
  const received = headers.joined(XFF);
  headers.set(XFF, received === undefined ? ip : `${received},${ip}`);
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1' || ip.startsWith('::ffff:127.');
}

let own: string | undefined;

/** The first IPv4 address of this machine that others can reach, else loopback. Looked up once. */
export function ownAddress(): string {
  own ??=
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find((address) => address.family === 'IPv4' && !address.internal)?.address ?? '127.0.0.1';
  return own;
}

/** The address that many places from the right; undefined when there is none or it is not one. */
function addressFromEnd(list: string | undefined, skip: number): string | undefined {
  const address = list
    ?.split(',')
    .at(-1 - skip)
    ?.trim();
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

/** Fields by which the mesh talks to itself; a client outside must not steer retries and timeouts by them. */
const INTERNAL = new Set([
  'x-envoy-internal',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
]);

const EDGE = new Set([
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-host',
  'x-envoy-original-dst-host',
  'x-envoy-original-path',
]);

function removeInternal(headers: HeaderList, edge: boolean): void {
  for (let i = headers.size - 1; i >= 0; i--) {
    const key = headers.keyAt(i);
    if (key.startsWith('x-envoy-') && (INTERNAL.has(key) || (edge && EDGE.has(key)))) headers.delete(key);
  }
}
