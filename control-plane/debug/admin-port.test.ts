import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { heldBySomebodyElse } from './admin-port.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const http = (listener: RequestListener): Server => createServer(listener);

describe('an admin port', () => {
  it.each<[string, boolean, Server]>([
    ['its own proxy', false, http((_request, response) => response.end('{"node":{"id":"sidecar~1~a.default~x"}}'))],
    ['another proxy', true, http((_request, response) => response.end('{"node":{"id":"sidecar~1~b.default~x"}}'))],
    ['a web server', true, http((_request, response) => response.writeHead(404).end('<html>'))],
    ['what closes at once', true, createTcpServer((socket) => socket.destroy())],
    ['what never answers', true, createTcpServer()],
  ])('held by %s: %s', async (_what, expected, server) => {
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    expect(await heldBySomebodyElse('127.0.0.1', port, (id) => id.includes('~a.default~'))).toBe(expected);
  });

  it('that is free is held by nobody', async () => {
    const server = createTcpServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    expect(await heldBySomebodyElse('127.0.0.1', port, () => false)).toBe(false);
  });
});
