import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { ResetReason, ResponseHandler } from '../http/stream.js';
import { Http1ClientConnection } from './client-connection.js';

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Writes down every call, the connection's events among them, and wakes whoever waits for one. */
class Recorder implements ResponseHandler {
  readonly calls: string[] = [];
  private wake = (): void => undefined;

  note(call: string): void {
    this.calls.push(call);
    this.wake();
  }
  async until(call: string): Promise<void> {
    while (!this.calls.includes(call)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
  onInformational(head: ResponseHead): void {
    this.note(`info ${head.status}`);
  }
  onResponseHead(head: ResponseHead, end: boolean): void {
    this.note(`head ${head.status} ${end}`);
  }
  onResponseData(chunk: Buffer, end: boolean): void {
    this.note(`data ${chunk.toString()} ${end}`);
  }
  onResponseTrailers(): void {
    this.note('trailers');
  }
  onUpstreamReset(reason: ResetReason): void {
    this.note(`reset ${reason}`);
  }
  onUpstreamDrain(): void {
    this.note('drain');
  }
}

/** A connection to a server of which the test holds the socket. */
async function connect(): Promise<{ server: net.Socket; client: Http1ClientConnection; seen: Recorder }> {
  const listener = net.createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = once(listener, 'connection');
  const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  const seen = new Recorder();
  const client = new Http1ClientConnection(
    socket,
    { onAvailable: () => seen.note('available'), onUnusable: () => seen.note('unusable') },
    { clock: systemClock },
  );
  const [server] = (await accepted) as [net.Socket];
  server.on('error', () => undefined);
  cleanups.push(
    () => server.destroy(),
    () => client.destroy(),
    () => listener.close(),
  );
  return { server, client, seen };
}

const request = (method = 'GET', fields: Readonly<Record<string, string>> = {}): RequestHead => {
  const headers = new HeaderList();
  for (const [name, value] of Object.entries(fields)) headers.append(name, value);
  return { method, path: '/p', authority: 'a', scheme: 'http', version: 'HTTP/1.1', headers };
};

describe('Http1ClientConnection', () => {
  it('takes one request after the other, and stale calls do no harm', async () => {
    const { server, client, seen } = await connect();
    const first = client.start(seen);
    first.sendHead(request(), true);
    const [sent] = (await once(server, 'data')) as [Buffer];
    expect(sent.toString()).toBe('GET /p HTTP/1.1\r\nhost: a\r\n\r\n');
    server.write(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    );
    await seen.until('available');
    expect(seen.calls).toEqual(['info 100', 'info 103', 'head 200 false', 'data hi true', 'available']);

    const second = client.start(seen);
    first.reset();
    first.setReadable(false);
    first.sendData(Buffer.from('stale'), true);
    second.sendHead(request('POST', { 'content-length': '3' }), false);
    second.sendData(Buffer.from('abc'), true);
    const [again] = (await once(server, 'data')) as [Buffer];
    expect(again.toString()).toBe('POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc');
    server.write('HTTP/1.1 204 No Content\r\n\r\n');
    await seen.until('head 204 true');
    expect(seen.calls.slice(5)).toEqual(['head 204 true', 'available']);
  });

  it.each([
    ['POST', 'content-length: 0\r\n'],
    ['OPTIONS', 'content-length: 0\r\n'],
    ['DELETE', ''],
    ['HEAD', ''],
  ])('frames an empty %s', async (method, lines) => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(method), true);
    const [sent] = (await once(server, 'data')) as [Buffer];
    expect(sent.toString()).toBe(`${method} /p HTTP/1.1\r\nhost: a\r\n${lines}\r\n`);
  });

  it.each([
    ['nothing', '', ['unusable', 'reset remote-reset']],
    ['half a head', 'HTTP/1.1 200', ['unusable', 'reset protocol-error']],
    [
      'half a body',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab',
      ['head 200 false', 'data ab false', 'unusable', 'reset protocol-error'],
    ],
    [
      'a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n',
      ['head 200 false', 'data a false', 'unusable', 'reset protocol-error'],
    ],
    [
      'a body without length',
      'HTTP/1.1 200 OK\r\n\r\nab',
      ['head 200 false', 'data ab false', 'data  true', 'unusable'],
    ],
  ])('when upstream closes after %s', async (_, text, expected) => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(), true);
    await once(server, 'data');
    server.end(text);
    await seen.until(expected.at(-1) ?? '');
    expect(seen.calls).toEqual(expected);
  });

  it.each([
    ['bytes that nobody asked for', (server: net.Socket) => server.write('HTTP/1.1 408 Timeout\r\n\r\n')],
    ['a close', (server: net.Socket) => server.end()],
    ['a reset', (server: net.Socket) => server.resetAndDestroy()],
  ])('ends an idle connection at %s', async (_, act) => {
    const { server, seen } = await connect();
    act(server);
    await seen.until('unusable');
    expect(seen.calls).toEqual(['unusable']);
  });

  it.each([
    ['Keep-Alive: timeout=5\r\n', 5000],
    ['Keep-Alive: max=100, Timeout = "7"\r\n', 7000],
    ['Keep-Alive: max=100\r\n', undefined],
    ['', undefined],
  ])('learns from %j how long upstream waits', async (line, expected) => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(), true);
    await once(server, 'data');
    server.write(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${line}\r\n`);
    await seen.until('available');
    expect(client.idleLimitMs).toBe(expected);
  });

  it('never answers the next request with bytes that follow a response', async () => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(), true);
    await once(server, 'data');
    server.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await seen.until('unusable');
    expect(seen.calls).toEqual(['head 200 true', 'unusable']);
    expect(() => client.start(seen)).toThrow();
  });

  it('closes when the answer is complete before the request', async () => {
    const { server, client, seen } = await connect();
    const stream = client.start(seen);
    stream.sendHead(request('POST'), false);
    await once(server, 'data');
    server.write('HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n');
    await seen.until('unusable');
    expect(stream.sendData(Buffer.from('more'), true)).toBe(true);
    expect(seen.calls).toEqual(['head 413 true', 'unusable']);
  });

  it('closes after a response that says so, and after drain', async () => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(), true);
    await once(server, 'data');
    client.drain();
    server.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    await seen.until('head 200 true');
    expect(seen.calls).toEqual(['unusable', 'head 200 true']);
  });

  it('stops on reset() without a callback', async () => {
    const { server, client, seen } = await connect();
    const stream = client.start(seen);
    stream.sendHead(request(), true);
    await once(server, 'data');
    const closed = once(server, 'close');
    stream.reset();
    await closed;
    expect(seen.calls).toEqual(['unusable']);
  });

  it.each([
    ['a chunk size of garbage', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n'],
    ['gzip as transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
    ['a head over 60 KiB', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(61 * 1024)}\r\n\r\n`],
    ['1xx without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)],
  ])('tells a protocol error for %s', async (_, text) => {
    const { server, client, seen } = await connect();
    client.start(seen).sendHead(request(), true);
    await once(server, 'data');
    server.write(text);
    await seen.until('reset protocol-error');
    expect(seen.calls.at(-2)).toBe('unusable');
  });
});
