import { readFileSync } from 'node:fs';
import { Agent, createServer, get, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../common/runtime/log.js';
import { type ProxyApp, startProxy } from './app.js';
import { parseBootstrap } from './bootstrap/read.js';
import { validateBootstrap } from './bootstrap/validate.js';

const FILE = new URL('./testdata/static.yaml', import.meta.url).pathname;
const log = createLogger('test', 'silent');

let upstream: Server;
let app: ProxyApp;
let port: number;

beforeEach(async () => {
  upstream = createServer((incoming, response) => {
    if (incoming.url === '/slow') setTimeout(() => response.end('late'), 200);
    else incoming.pipe(response.setHeader('x-path', incoming.url ?? ''));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const text = readFileSync(FILE, 'utf8').replace('65535', String((upstream.address() as AddressInfo).port));
  const loaded = parseBootstrap(text);
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  app = await startProxy(loaded.config, { log });
  port = app.addresses().get('ingress')?.[0]?.port ?? 0;
});

afterEach(async () => {
  await app.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

async function send(
  path: string,
  body = '',
  agent?: Agent,
): Promise<{ status: number; text: string; headers: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port, host: '127.0.0.1', path, method: body === '' ? 'GET' : 'POST', agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

describe('a proxy with static resources', () => {
  it('forwards requests and answers direct responses', async () => {
    const echoed = await send('/echo', 'hello '.repeat(10_000));
    expect([echoed.status, echoed.text.length, echoed.headers['x-path']]).toEqual([200, 60_000, '/echo']);
    expect(echoed.headers['server']).toBe('envoy');
    const direct = await send('/direct');
    expect([direct.status, direct.text]).toEqual([418, 'teapot']);
  });

  it('serves many requests on one connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 20; i++) expect((await send(`/${i}`, 'x', agent)).text).toBe('x');
    agent.destroy();
  });

  it('finishes requests under way when it drains, and accepts no more', async () => {
    const slow = send('/slow');
    await new Promise<void>((resolve) => upstream.once('request', () => resolve()));
    const drained = app.drain();
    expect(app.ready).toBe(false);
    expect((await slow).text).toBe('late');
    await drained;
    await expect(send('/echo')).rejects.toThrow('ECONNREFUSED');
  });

  it('is ready when nothing is awaited', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(app.ready).toBe(true);
    get({ port, host: '127.0.0.1', path: '/direct' }).on('error', () => {});
  });
});

describe('validation', () => {
  it('accepts the same file as Envoy', () => {
    expect(validateBootstrap(FILE)).toEqual({ errors: [], warnings: [] });
  });
});
