import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { Issuer } from '../ca/issuer.js';
import { makeRoot } from '../ca/root.js';
import { defaultInjectionConfig } from './inject/config.js';
import { webhookMetrics } from './metrics.js';
import { WebhookServer } from './server.js';
import { testAuthority } from './testing/authority.js';

const MEBIBYTE = 1024 * 1024;
const HUNDRED = 100 * MEBIBYTE;
const CHUNK = Buffer.alloc(64 * 1024, 0x20);

let issuer: Issuer;
let server: WebhookServer;
let port: number;
const sockets: Socket[] = [];

beforeAll(async () => {
  const options = { defaultTtlSeconds: 60, maxTtlSeconds: 600 };
  issuer = new Issuer(testAuthority(await makeRoot({ organization: 'test' }, systemClock)), options, systemClock);
  server = new WebhookServer({
    issuer,
    dnsNames: ['weft-control-plane.istio-system.svc'],
    addresses: ['127.0.0.1'],
    injection: defaultInjectionConfig({ image: 'weft-proxy:test' }),
    configuration: () => undefined,
    events: webhookMetrics(new Registry()),
    clock: systemClock,
    log: createLogger('test', 'silent'),
    requestMs: 2000,
  });
  port = await server.listen('127.0.0.1', 0);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => server.close());

/** A TLS connection that does nothing by itself. */
async function connected(): Promise<Socket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: issuer.authority.roots });
  held(socket);
  await once(socket, 'secureConnect');
  return socket;
}

function held(socket: Socket): Socket {
  sockets.push(socket);
  return socket.on('error', () => undefined);
}

/** Sends until everything is sent or nobody takes more. Returns how many bytes were taken. */
async function pour(head: string, bytes: number, frame: (chunk: Buffer) => Buffer): Promise<number> {
  const socket = (await connected()).resume();
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  const framed = frame(CHUNK);
  let sent = 0;
  socket.write(head);
  while (sent < bytes && !socket.destroyed && socket.writable) {
    if (!socket.write(framed)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    sent += CHUNK.length;
  }
  await closed;
  return sent;
}

const POST = 'POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** Somebody else's pod is injected as ever. */
function otherIsServed(): Promise<void> {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      namespace: 'default',
      operation: 'CREATE',
      object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'app' }] } },
    },
  };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/inject', method: 'POST', ca: issuer.authority.roots };
    const sent = request({ ...options, agent: false }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${response.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(review));
  });
}

/** Memory outside of the heap, where bodies are: the most there was while `work` ran, above what there was before. */
async function growth(work: Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 5);
  await work.finally(() => clearInterval(timer));
  return most - before;
}

const chunked = (chunk: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
const plain = (chunk: Buffer): Buffer => chunk;

describe('a client of the webhooks', () => {
  it.each([
    ['and says so', `${POST}Content-Length: ${HUNDRED}\r\n\r\n`, plain],
    ['in chunks', `${POST}Transfer-Encoding: chunked\r\n\r\n`, chunked],
  ])('that sends a hundred megabytes %s is cut off', async (_what, head, frame) => {
    let taken = 0;
    const poured = pour(head, HUNDRED, frame).then((sent) => {
      taken = sent;
    });
    const [grown] = await Promise.all([growth(poured), otherIsServed()]);
    // What it may have sent, and what the two sockets hold.
    expect(taken).toBeLessThan(40 * MEBIBYTE);
    expect(grown).toBeLessThan(64 * MEBIBYTE);
    await otherIsServed();
  });

  it.each<[what: string, bytes: string | undefined]>([
    ['says nothing at all', undefined],
    ['says nothing after the handshake', ''],
    ['stops within the head', 'POST /inject HTTP/1.1\r\nHost:'],
    ['stops within the body', `${POST}Content-Length: 1000\r\n\r\n{`],
  ])('that %s is hung up on, and others are answered meanwhile', async (_what, bytes) => {
    const silent = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = bytes === undefined ? held(connectTcp(port, '127.0.0.1')) : await connected();
        socket.resume();
        if (bytes) socket.write(bytes);
        return socket;
      }),
    );
    await otherIsServed();
    await Promise.all(silent.map((socket) => (socket.closed ? undefined : once(socket, 'close'))));
    await otherIsServed();
  });
});
