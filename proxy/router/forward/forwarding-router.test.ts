import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forwardTo, ok, retryOn, routeTo, status, TestBed, type TestStream } from './testing.js';

let bed: TestBed;
beforeEach(() => {
  bed = new TestBed();
});
afterEach(() => bed.close());

function outcome(stream: TestStream): unknown {
  return {
    status: stream.info.responseCode,
    flags: stream.flags,
    details: stream.info.responseCodeDetails,
    body: stream.body,
  };
}

describe('answers without upstream', () => {
  it('no route', async () => {
    expect(outcome(await bed.send(undefined).done)).toEqual({
      status: 404,
      flags: 'NR',
      details: 'route_not_found',
      body: '',
    });
  });

  it('no such cluster', async () => {
    const stream = await bed.send(routeTo(forwardTo('gone'))).done;
    expect(outcome(stream)).toEqual({ status: 503, flags: 'NC', details: 'cluster_not_found', body: '' });
    expect(stream.info.clusterName).toBe('');
  });

  it('a cluster without hosts', async () => {
    bed.cluster('empty', []);
    expect(outcome(await bed.send(routeTo(forwardTo('empty'))).done)).toEqual({
      status: 503,
      flags: 'UH',
      details: 'no_healthy_upstream',
      body: 'no healthy upstream',
    });
  });

  it('redirect, with the header operations of the route', async () => {
    const route = routeTo(
      { kind: 'redirect', status: 301, location: (request) => `https://other.example${request.path}` },
      { prepareResponse: (head) => head.headers.append('x-added', '1') },
    );
    const stream = await bed.send(route, { path: '/a' }).done;
    expect(outcome(stream)).toEqual({ status: 301, flags: '-', details: 'direct_response', body: '' });
    expect(stream.header('location')).toBe('https://other.example/a');
    expect(stream.header('x-added')).toBe('1');
  });

  it('direct response', async () => {
    const route = routeTo({ kind: 'direct-response', status: 418, body: 'short and stout' });
    expect(outcome(await bed.send(route).done)).toEqual({
      status: 418,
      flags: '-',
      details: 'direct_response',
      body: 'short and stout',
    });
  });
});

describe('forwarding', () => {
  it('relays a request and its response, and fills in what is known of upstream', async () => {
    let seen = '';
    const port = await bed.serveHttp((request) => {
      seen = request;
      return ok('hello');
    });
    bed.cluster('a', [port]);
    const stream = await bed.send(routeTo(forwardTo('a')), { headers: { 'x-one': '1' }, path: '/p?q' }).done;
    expect(outcome(stream)).toEqual({ status: 200, flags: '-', details: 'via_upstream', body: 'hello' });
    expect(seen).toContain('GET /p?q HTTP/1.1\r\nhost: test.example\r\nx-one: 1\r\n');
    expect(seen).toContain('x-envoy-expected-rq-timeout-ms: 15000\r\n');
    expect(stream.header('x-envoy-upstream-service-time')).toMatch(/^\d+$/);
    expect(stream.info.upstreamHost).toBe(`127.0.0.1:${port}`);
    expect(stream.info.attempts).toBe(1);
    expect(stream.info.upstreamLocalAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('reuses an idle connection', async () => {
    let connections = 0;
    const port = await bed.serve((socket) => {
      connections++;
      socket.on('data', () => socket.write(ok('x')));
    });
    bed.cluster('a', [port]);
    for (let i = 0; i < 5; i++) expect((await bed.send(routeTo(forwardTo('a'))).done).body).toBe('x');
    expect(connections).toBe(1);
    const cluster = bed.manager.get('a')!;
    expect(cluster.resources('default')).toMatchObject({ connections: 1, requests: 0, pending: 0 });
    expect(cluster.hosts[0]).toMatchObject({ activeRequests: 0, stats: { total: 5, success: 5, error: 0 } });
  });

  it('sends a body that came before the connection was there', async () => {
    const port = await bed.serveHttp((request) => ok(request.slice(request.indexOf('\r\n\r\n') + 4)));
    bed.cluster('a', [port]);
    const stream = bed.send(routeTo(forwardTo('a')), {
      chunks: ['abc', 'def'],
      headers: { 'content-length': '6' },
    });
    expect((await stream.done).body).toBe('abcdef');
  });

  it('numbers attempts where the virtual host asks for it', async () => {
    const port = await bed.serveHttp((request, count) =>
      count === 1 ? status(503) : ok(/x-envoy-attempt-count: (\d)/.exec(request)?.[1] ?? ''),
    );
    bed.cluster('a', [port]);
    const route = routeTo(forwardTo('a', { retry: retryOn(['5xx']) }), {
      includeRequestAttemptCount: true,
      includeAttemptCountInResponse: true,
    });
    const stream = await bed.send(route).done;
    expect(stream.body).toBe('2');
    expect(stream.header('x-envoy-attempt-count')).toBe('2');
  });
});

describe('upstream failures', () => {
  it('refused', async () => {
    bed.cluster('a', [await bed.refusedPort()]);
    expect(outcome(await bed.send(routeTo(forwardTo('a'))).done)).toEqual({
      status: 503,
      flags: 'UF',
      details:
        'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
      body: 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
    });
  });

  it('refused after all retries', async () => {
    bed.cluster('a', [await bed.refusedPort()]);
    const stream = await bed.send(routeTo(forwardTo('a', { retry: retryOn(['connect-failure'], { retries: 2 }) })))
      .done;
    expect(stream.flags).toBe('URX,UF');
    expect(stream.info.attempts).toBe(3);
    expect(stream.body).toContain('retried and the latest reset reason: remote connection failure');
  });

  it('closed before the answer', async () => {
    bed.cluster('a', [await bed.serveHttp(() => undefined)]);
    expect(outcome(await bed.send(routeTo(forwardTo('a'))).done)).toEqual({
      status: 503,
      flags: 'UC',
      details: 'upstream_reset_before_response_started{connection_termination}',
      body: 'upstream connect error or disconnect/reset before headers. reset reason: connection termination',
    });
  });

  it('broken off within the body', async () => {
    const port = await bed.serve((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'));
    });
    bed.cluster('a', [port]);
    const stream = await bed.send(routeTo(forwardTo('a'))).done;
    expect(stream.aborted).toBe('upstream_reset_after_response_started{protocol_error}');
    expect(stream.flags).toBe('UPE');
  });

  it('an answer that is no HTTP', async () => {
    const port = await bed.serve((socket) => {
      socket.on('data', () => socket.write('garbage\r\n\r\n'));
    });
    bed.cluster('a', [port]);
    const stream = await bed.send(routeTo(forwardTo('a'))).done;
    expect(stream.info.responseCode).toBe(502);
    expect(stream.flags).toBe('UPE');
  });

  it('no answer in time', async () => {
    bed.cluster('a', [await bed.serve(() => {})]);
    expect(outcome(await bed.send(routeTo(forwardTo('a', { timeoutMs: 30 }))).done)).toEqual({
      status: 504,
      flags: 'UT',
      details: 'response_timeout',
      body: 'upstream request timeout',
    });
    const host = bed.manager.get('a')!.hosts[0]!;
    expect(host.stats.timeout).toBe(1);
    expect(host.activeRequests).toBe(0);
  });

  it('no answer in time for one try', async () => {
    bed.cluster('a', [await bed.serve(() => {})]);
    const retry = retryOn(['5xx'], { perTryTimeoutMs: 20, retries: 1 });
    const stream = await bed.send(routeTo(forwardTo('a', { retry }))).done;
    expect(outcome(stream)).toMatchObject({ status: 504, flags: 'URX,UT', details: 'upstream_per_try_timeout' });
    expect(stream.info.attempts).toBe(2);
  });
});

describe('circuit breakers', () => {
  it('refuses what may not wait', async () => {
    const port = await bed.serve(() => {});
    bed.cluster('a', [port], {
      circuit_breakers: { thresholds: [{ max_connections: { value: 1 }, max_pending_requests: { value: 1 } }] },
    });
    bed.send(routeTo(forwardTo('a')));
    const second = await bed.send(routeTo(forwardTo('a'))).done;
    expect(outcome(second)).toEqual({
      status: 503,
      flags: 'UO',
      details: 'upstream_reset_before_response_started{overflow}',
      body: 'upstream connect error or disconnect/reset before headers. reset reason: overflow',
    });
    expect(second.header('x-envoy-overloaded')).toBe('true');
  });

  it('lets no more retries run than the limit', async () => {
    const port = await bed.serveHttp(() => status(503));
    bed.cluster('a', [port], { circuit_breakers: { thresholds: [{ max_retries: { value: 0 } }] } });
    const stream = await bed.send(routeTo(forwardTo('a', { retry: retryOn(['5xx']) }))).done;
    expect(outcome(stream)).toMatchObject({ status: 503, flags: 'UO' });
    expect(stream.info.attempts).toBe(1);
  });
});

describe('retries', () => {
  it.each([
    ['5xx', 500],
    ['gateway-error', 502],
    ['retriable-4xx', 409],
  ])('%s after %d', async (condition, code) => {
    const port = await bed.serveHttp((_, count) => (count === 1 ? status(code) : ok('done')));
    bed.cluster('a', [port]);
    const stream = await bed.send(routeTo(forwardTo('a', { retry: retryOn([condition]) }))).done;
    expect(outcome(stream)).toMatchObject({ status: 200, flags: '-', body: 'done' });
    expect(stream.info.attempts).toBe(2);
  });

  it('passes the last answer on when the retries are used up', async () => {
    bed.cluster('a', [await bed.serveHttp(() => status(503))]);
    const stream = await bed.send(routeTo(forwardTo('a', { retry: retryOn(['5xx'], { retries: 2 }) }))).done;
    expect(outcome(stream)).toEqual({ status: 503, flags: 'URX', details: 'via_upstream', body: '' });
    expect(stream.info.attempts).toBe(3);
  });

  it('sends the body again', async () => {
    const bodies: string[] = [];
    const port = await bed.serveHttp((request, count) => {
      bodies.push(request.slice(request.indexOf('\r\n\r\n') + 4));
      return count === 1 ? undefined : ok('done');
    });
    bed.cluster('a', [port]);
    const stream = bed.send(routeTo(forwardTo('a', { retry: retryOn(['reset']) })), {
      chunks: ['abc', 'def'],
      headers: { 'content-length': '6' },
    });
    expect((await stream.done).body).toBe('done');
    expect(bodies).toEqual(['abcdef', 'abcdef']);
  });

  it('does not try again a body that was too large to keep', async () => {
    const small = new TestBed(4);
    try {
      small.cluster('a', [await small.serveHttp(() => status(503))]);
      const stream = small.send(routeTo(forwardTo('a', { retry: retryOn(['5xx']) })), {
        chunks: ['abc', 'def'],
        headers: { 'content-length': '6' },
      });
      expect((await stream.done).info.attempts).toBe(1);
    } finally {
      await small.close();
    }
  });

  it('by the headers of the request, which go no further', async () => {
    const seen: string[] = [];
    const port = await bed.serveHttp((request, count) => {
      seen.push(request);
      return count < 3 ? status(500) : ok('done');
    });
    bed.cluster('a', [port]);
    const headers = { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '2', 'x-envoy-upstream-rq-timeout-ms': '5000' };
    const stream = await bed.send(routeTo(forwardTo('a')), { headers }).done;
    expect(stream.body).toBe('done');
    expect(seen[2]).not.toMatch(/x-envoy-(retry-on|max-retries|upstream-rq-timeout)/);
    expect(seen[0]).toContain('x-envoy-expected-rq-timeout-ms: 5000');
  });
});

describe('the client', () => {
  it('goes away: upstream is given up', async () => {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    let arrived: () => void = () => {};
    const there = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const port = await bed.serve((socket) => {
      socket.on('data', () => arrived());
      socket.on('close', () => closed());
    });
    bed.cluster('a', [port]);
    const stream = bed.send(routeTo(forwardTo('a')));
    await there;
    stream.handler?.onDownstreamReset('gone');
    await gone;
    expect(bed.manager.get('a')!.resources('default').requests).toBe(0);
  });
});

describe('mirrors', () => {
  it('sends a copy with the whole body to the other cluster', async () => {
    let copied: (request: string) => void = () => {};
    const copy = new Promise<string>((resolve) => {
      copied = resolve;
    });
    bed.cluster('a', [await bed.serveHttp(() => ok('main'))]);
    bed.cluster('b', [
      await bed.serveHttp((request) => {
        copied(request);
        return ok('thrown away');
      }),
    ]);
    const mirrors = [{ cluster: 'b', fraction: 1, appendShadow: true }];
    const stream = bed.send(routeTo(forwardTo('a', { mirrors })), {
      chunks: ['abc'],
      headers: { 'content-length': '3' },
    });
    expect((await stream.done).body).toBe('main');
    expect(await copy).toMatch(/^POST \/ HTTP\/1.1\r\nhost: test\.example-shadow\r\n[\s\S]*abc$/);
  });
});
