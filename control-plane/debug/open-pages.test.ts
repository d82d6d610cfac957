import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../common/runtime/log.js';
import { DebugServer, OPEN_TO_ALL, plain } from './server.js';

const PRIVATE = ['/debug/syncz', '/debug/config_dump', '/debug/workloads', '/debug/registryz'];
const pages = new Map([...OPEN_TO_ALL, ...PRIVATE].map((path) => [path, () => plain('content')]));
const server = new DebugServer(pages, createLogger('test', 'silent'), OPEN_TO_ALL);
/** An address of this machine that is not loopback, as another pod's is. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
let port = 0;
beforeAll(async () => {
  port = await server.listen('0.0.0.0', 0);
});
afterAll(() => server.close());

function get(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the control plane’s debug port in a cluster', () => {
  it.each([...OPEN_TO_ALL])('shows %s to everybody', async (path) => {
    if (outside !== undefined) expect(await get(outside, path)).toBe(200);
    expect(await get('127.0.0.1', path)).toBe(200);
  });

  it.each(PRIVATE)('shows %s to a port-forward only', async (path) => {
    expect(await get('127.0.0.1', path, { host: 'localhost' })).toBe(200);
    if (outside !== undefined) expect(await get(outside, path, { host: 'localhost' })).toBe(403);
    expect(await get('127.0.0.1', path, { host: 'rebound.evil.test' })).toBe(403);
    expect(await get('127.0.0.1', path, { host: '127.0.0.1.evil.test' })).toBe(403);
  });
});
