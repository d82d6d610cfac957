import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forwardTo, ok, retryOn, routeTo, status, TestBed } from './testing.js';

let bed: TestBed;
beforeEach(() => {
  bed = new TestBed();
});
afterEach(() => bed.close());

describe('tunnels', () => {
  it('relays both ways after an upgrade, and frees the connection at its end', async () => {
    const port = await bed.serve((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n');
        socket.on('data', (chunk) => socket.end(`echo ${chunk.toString()}`));
      });
    });
    bed.cluster('a', [port]);
    const headers = { upgrade: 'websocket', connection: 'upgrade' };
    const stream = bed.send(routeTo(forwardTo('a', { retry: retryOn(['5xx']) })), { headers, open: true });
    await stream.headSeen;
    expect(stream.info.responseCode).toBe(101);
    stream.handler?.onRequestData(Buffer.from('hello'), false);
    expect((await stream.done).body).toBe('echo hello');
    expect(bed.manager.get('a')!.resources('default')).toMatchObject({ requests: 0, connections: 0 });
  });

  it('ends CONNECT here and sends its bytes as TCP', async () => {
    const port = await bed.serve((socket) => {
      socket.on('data', (chunk) => socket.end(`echo ${chunk.toString()}`));
    });
    bed.cluster('a', [port]);
    const route = routeTo(forwardTo('a', { terminateConnect: true }));
    const stream = bed.send(route, { method: 'CONNECT', open: true });
    await stream.headSeen;
    expect(stream.info.responseCode).toBe(200);
    stream.handler?.onRequestData(Buffer.from('raw'), false);
    expect((await stream.done).body).toBe('echo raw');
    expect(bed.manager.get('a')!.hosts[0]!.activeRequests).toBe(0);
  });

  it('refuses CONNECT when nobody listens', async () => {
    bed.cluster('a', [await bed.refusedPort()]);
    const route = routeTo(forwardTo('a', { terminateConnect: true }));
    const stream = await bed.send(route, { method: 'CONNECT', open: true }).done;
    expect(stream.info.responseCode).toBe(503);
    expect(stream.flags).toBe('UF');
  });
});

it('keeps an empty body chunked that ends before its connection is there', async () => {
  let seen = '';
  const port = await bed.serve((socket) => {
    socket.on('data', (data) => {
      seen += data.toString();
      if (seen.endsWith('0\r\n\r\n') || seen.includes('content-length')) socket.end(ok('here'));
    });
  });
  bed.cluster('a', [port]);
  const stream = bed.send(routeTo(forwardTo('a')), { method: 'POST', open: true });
  stream.handler?.onRequestData(Buffer.alloc(0), true);
  expect((await stream.done).body).toBe('here');
  expect(seen).toMatch(/transfer-encoding: chunked\r\n[\s\S]*0\r\n\r\n$/);
});

describe('backpressure', () => {
  it('stops the client whenever upstream is slow, and goes on after', async () => {
    const total = 128;
    const chunk = Buffer.alloc(256 * 1024);
    const port = await bed.serve((socket) => {
      let received = 0;
      socket.on('data', (data) => {
        received += data.length;
        if (received > total * chunk.length) socket.end(ok('all there'));
      });
    });
    bed.cluster('a', [port]);
    const stream = bed.send(routeTo(forwardTo('a')), { method: 'POST', open: true });
    let sent = 0;
    let pauses = 0;
    const push = (): void => {
      while (!stream.paused && sent < total) stream.handler?.onRequestData(chunk, ++sent === total);
    };
    const setReadable = stream.setReadable.bind(stream);
    stream.setReadable = (readable) => {
      setReadable(readable);
      if (readable) setImmediate(push);
      else pauses++;
    };
    push();
    expect(sent).toBe(1);
    expect((await stream.done).body).toBe('all there');
    expect(pauses).toBeGreaterThan(1);
  });
});

describe('hash policies', () => {
  const policy = {
    terminal: false,
    key: () => undefined,
    generateCookie: { name: 'c', path: '/p', ttlSeconds: 60 },
  };

  it('give the client a cookie where the balancer hashes', async () => {
    bed.cluster('a', [await bed.serveHttp(() => ok('x'))], { lb_policy: 'RING_HASH' });
    const stream = await bed.send(routeTo(forwardTo('a', { hashPolicies: [policy] }))).done;
    expect(stream.header('set-cookie')).toMatch(/^c="[0-9a-f]{16}"; Max-Age=60; Path=\/p; HttpOnly$/);
  });

  it('say nothing where it does not', async () => {
    bed.cluster('a', [await bed.serveHttp(() => ok('x'))]);
    const stream = await bed.send(routeTo(forwardTo('a', { hashPolicies: [policy] }))).done;
    expect(stream.header('set-cookie')).toBeUndefined();
  });

  it('send the same key to the same host', async () => {
    const ports = await Promise.all([1, 2, 3].map((n) => bed.serveHttp(() => ok(`host ${n}`))));
    bed.cluster('a', ports, { lb_policy: 'MAGLEV' });
    const byUser = {
      terminal: true,
      key: (request: { headers: { get(key: string): string | undefined } }) => request.headers.get('user'),
    }; // prettier-ignore
    const route = routeTo(forwardTo('a', { hashPolicies: [byUser] }));
    for (const user of ['ann', 'bob', 'cy']) {
      const bodies = new Set<string>();
      for (let i = 0; i < 4; i++) bodies.add((await bed.send(route, { headers: { user } }).done).body);
      expect(bodies.size).toBe(1);
    }
  });
});

it('tries another host where the policy asks for it', async () => {
  const bad = await bed.serveHttp(() => status(503));
  const good = await bed.serveHttp(() => ok('good'));
  bed.cluster('a', [bad, good], { lb_policy: 'RANDOM' });
  const picks = [0, 0, 0.9, 0.9];
  bed.random = () => picks.shift() ?? 0;
  const retry = retryOn(['5xx'], { skipPreviousHosts: true, hostSelectionAttempts: 5 });
  expect((await bed.send(routeTo(forwardTo('a', { retry }))).done).body).toBe('good');
});

it('ejects a failing host and sends its requests to the other one', async () => {
  const bad = await bed.serveHttp(() => status(500));
  const good = await bed.serveHttp(() => ok('good'));
  bed.cluster('a', [bad, good], {
    outlier_detection: { consecutive_5xx: { value: 1 }, max_ejection_percent: { value: 100 } },
  });
  const bodies: string[] = [];
  for (let i = 0; i < 6; i++) bodies.push((await bed.send(routeTo(forwardTo('a'))).done).body);
  expect(bodies.filter((body) => body !== 'good').length).toBeLessThanOrEqual(1);
  expect(bed.manager.get('a')!.detector.stats.ejectionsActive).toBe(1);
});
