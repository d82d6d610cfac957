import { type IncomingMessage, request as requestHttp } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Prober } from './probers.js';

/** Where the application is. */
export interface ProbeTarget {
  /** The pod's address: an application may listen on it alone. */
  readonly ip: string;
  /** Own address to ask from: what comes from there is not captured. undefined outside pods. */
  readonly source: string | undefined;
}

export interface ProbeResult {
  readonly status: number;
  readonly body: string;
}

const MAX_REDIRECTS = 10;
/** As much of an answer as the kubelet reads. */
const MAX_BODY = 10 * 1024;

/** Does what the kubelet would do, and answers as the application did. Never rejects. */
export async function probe(
  prober: Prober,
  target: ProbeTarget,
  headers: Readonly<Record<string, string>>,
): Promise<ProbeResult> {
  try {
    switch (prober.kind) {
      case 'http':
        return await probeHttp(prober, target, headers);
      case 'tcp':
        return await probeTcp(prober, target);
      case 'grpc':
        return await probeGrpc(prober, target);
    }
  } catch (error) {
    return { status: 500, body: messageOf(error) };
  }
}

type HttpProber = Extract<Prober, { kind: 'http' }>;

async function probeHttp(
  prober: HttpProber,
  target: ProbeTarget,
  incoming: Readonly<Record<string, string>>,
): Promise<ProbeResult> {
  const headers: Record<string, string> = { ...incoming };
  for (const [name, value] of prober.headers) headers[name.toLowerCase()] = value;
  const host = prober.host === '' ? target.ip : prober.host;
  const end = Date.now() + prober.timeoutMs;
  const first = new URL(`${prober.https ? 'https' : 'http'}://${joinAddress(host, prober.port)}${prober.path}`);
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, target, headers, end - Date.now());
    const { statusCode: status = 500 } = response;
    const location = response.headers.location;
    const next = status >= 300 && status < 400 && location !== undefined ? resolveUrl(location, url) : undefined;
    // As the kubelet does: a redirect to another host counts as an answer.
    if (next === undefined || next.hostname !== first.hostname) return { status, body: await bodyOf(response) };
    response.resume();
    if (redirects >= MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`);
    url = next;
  }
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function resolveUrl(location: string, base: URL): URL | undefined {
  try {
    const url = new URL(location, base);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
  } catch {
    return undefined;
  }
}

function get(
  url: URL,
  target: ProbeTarget,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Another host than the pod is reached from any address.
    const own = url.hostname === bracketed(target.ip) || LOOPBACK.has(url.hostname);
    const options = { headers, agent: false, ...(own ? source(target) : {}) };
    const call =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, rejectUnauthorized: false }, resolve)
        : requestHttp(url, options, resolve);
    const timer = setTimeout(() => call.destroy(new Error('no answer in time')), Math.max(timeoutMs, 1));
    call.once('close', () => clearTimeout(timer));
    call.once('error', reject);
    call.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    chunks.push(bytes);
    size += bytes.length;
    if (size >= MAX_BODY) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY).toString();
}

function dial(port: number, target: ProbeTarget): Socket {
  return connect({ host: target.ip, port, ...source(target) });
}

function source({ ip, source: from }: ProbeTarget): { localAddress?: string } {
  return from === undefined || isIP(ip) !== isIP(from) ? {} : { localAddress: from };
}

function probeTcp({ port, timeoutMs }: Prober, target: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = dial(port, target);
    const timer = setTimeout(() => socket.destroy(new Error('no connection in time')), timeoutMs);
    socket.once('close', () => clearTimeout(timer));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve({ status: 200, body: '' });
    });
  });
}

const SERVING = 1;

/** grpc.health.v1.Health/Check: `service` is field 1 of the question, `status` field 1 of the answer. */
function probeGrpc(prober: Extract<Prober, { kind: 'grpc' }>, target: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${joinAddress(target.ip, prober.port)}`, {
      createConnection: () => dial(prober.port, target),
    });
    const fail = (error: unknown): void => {
      session.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const timer = setTimeout(() => fail(new Error('no answer in time')), prober.timeoutMs);
    session.once('close', () => clearTimeout(timer));
    session.once('error', fail);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': 'weft-probe',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status = '';
    stream.on('response', (headers) => {
      status = String(headers['grpc-status'] ?? '');
    });
    stream.on('trailers', (trailers) => {
      status = String(trailers['grpc-status'] ?? '');
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', fail);
    stream.once('end', () => {
      session.close();
      if (status !== '0') reject(new Error(`grpc-status ${status}`));
      else if (servingStatus(Buffer.concat(chunks)) !== SERVING) reject(new Error('not serving'));
      else resolve({ status: 200, body: '' });
    });
    stream.end(healthCheckRequest(prober.service));
  });
}

/** One uncompressed gRPC message. A service's name beyond 127 bytes takes two for its length. */
function healthCheckRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function servingStatus(answer: Buffer): number {
  const message = answer.subarray(5);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}
