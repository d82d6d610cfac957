import { type RequestOptions, request } from 'node:http';
import { Duplex, PassThrough, Writable } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import { isAnswer, streamCall } from './http.js';

/** A port of a pod, reached through the API server. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

const TIMEOUT_MS = 15_000;

/**
 * GET of a text from a pod's own loopback, as `kubectl port-forward` would. Rejects when the forwarding is refused, nobody
 * listens, or the answer is not 200.
 */
export function getFromPod(config: KubeConfig, target: PodPort, path: string): Promise<string> {
  return throughTunnel(config, target, (tunnel) => get(tunnel, path));
}

/** The same for an answer that goes on. Resolves at its end, or when the signal says so. */
export function streamFromPod(
  config: KubeConfig,
  target: PodPort,
  path: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return throughTunnel(config, target, ({ stream }) =>
    streamCall(request({ path, ...overTunnel(stream) }), onText, signal),
  );
}

async function throughTunnel<T>(config: KubeConfig, target: PodPort, work: (tunnel: Tunnel) => Promise<T>): Promise<T> {
  const where = `port ${target.port} of pod ${target.namespace}/${target.pod}`;
  const fail = (reason: string, cause?: unknown): WeftError =>
    new WeftError(`${where}: ${reason}`, { source: 'cli', retryable: true, cause });
  let tunnel: Tunnel;
  try {
    tunnel = await openTunnel(config, target);
  } catch (error) {
    throw fail(refusalOf(error), error);
  }
  try {
    return await work(tunnel);
  } catch (error) {
    throw fail(tunnel.fault ?? messageOf(error), error);
  } finally {
    tunnel.close();
  }
}

export interface Tunnel {
  readonly stream: Duplex;
  /** What the kubelet said went wrong. */
  readonly fault: string | undefined;
  close(): void;
}

/** A connection to a port of a pod. */
export async function openTunnel(config: KubeConfig, { namespace, pod, port }: PodPort): Promise<Tunnel> {
  const { PortForward } = await import('@kubernetes/client-node');
  const toPod = new PassThrough();
  const fromPod = new PassThrough();
  let fault: string | undefined;
  const faults = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const text = chunk.toString('utf8').trim();
      if (text !== '') {
        fault = lastPart(text);
        fromPod.destroy(new Error(fault));
      }
      done();
    },
  });
  const socket = await new PortForward(config).portForward(
    encodeURIComponent(namespace),
    encodeURIComponent(pod),
    [port],
    fromPod,
    faults,
    toPod,
  );
  const webSocket = typeof socket === 'function' ? socket() : socket;
  webSocket?.addEventListener('close', () => fromPod.end());
  return {
    stream: Duplex.from({ readable: fromPod, writable: toPod }),
    get fault() {
      return fault;
    },
    close: () => webSocket?.close(),
  };
}

function overTunnel(stream: Duplex): RequestOptions {
  return { host: 'localhost', headers: { connection: 'close' }, createConnection: () => stream };
}

function get({ stream }: Tunnel, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const call = request({ path, ...overTunnel(stream), signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(body);
        else if (isAnswer(response.statusCode, body)) reject(new Error(body.trim()));
        else reject(new Error(`answered ${response.statusCode} to ${path}: ${body.trim().slice(0, 300)}`));
      });
    });
    call.on('error', (error) => reject(signal.aborted ? new Error(`no answer within ${TIMEOUT_MS / 1000} s`) : error));
    call.end();
  });
}

/** `… failed to connect to localhost:15000 inside namespace …: connection refused` → its end. */
function lastPart(text: string): string {
  return text.slice(text.lastIndexOf('dial tcp') < 0 ? 0 : text.lastIndexOf('dial tcp')).slice(0, 300);
}

/** The library rejects with a WebSocket's error event. */
function refusalOf(error: unknown): string {
  const message = messageOf((error as { readonly error?: unknown } | undefined)?.error ?? error);
  if (/ 403$/.test(message)) return 'you have no right to forward it (create pods/portforward)';
  if (/ 404$/.test(message)) return 'there is no such pod';
  return message;
}
