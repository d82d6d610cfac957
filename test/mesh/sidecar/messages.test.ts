import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../support/field-mesh.js';
import { parseMetrics } from '../../support/metrics.js';
import type { RawRequest } from '../../support/raw-client.js';
import { type Answer, answer } from '../../support/scripted-upstream.js';
import { type Entry, fieldOf, get, head, SidecarPair } from './pair.js';

const pair = new SidecarPair();
beforeAll(() =>
  pair.start(routes('[{match: [{uri: {prefix: /only}}], route: [{destination: {host: shop}}]}]', 'partial.test')),
);
afterAll(() => pair.dispose());

const post = (...headers: string[]): string => head('POST /in HTTP/1.1', 'Host: shop', ...headers);
const answers = (...steps: Answer['steps']): readonly Answer[] => [{ steps }];
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('HTTP/1.1 through both sidecars', () => {
  it('keeps a connection for several requests', async () => {
    const { responses, connection, received } = await pair.run({
      send: [get('/1'), { until: 'ok' }, get('/2'), { wait: 20 }, get('/3')],
      responses: 3,
    });
    expect(responses.map(({ start }) => start)).toEqual(Array(3).fill('HTTP/1.1 200 OK'));
    expect(connection).toBe('open');
    expect(received.map(({ start }) => start)).toEqual(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1`));
  });

  it('answers pipelined requests in their order, though the first is the slowest', async () => {
    const { responses } = await pair.run({
      send: [get('/1') + get('/2') + get('/3')],
      responses: 3,
      answers: [
        { steps: [{ wait: 100 }, 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1'] },
        answer(200, '2'),
        answer(200, '3'),
      ],
    });
    expect(responses.map(({ body }) => body)).toEqual(['1', '2', '3']);
  });

  it('passes fixed and chunked bodies, and trailers, in both directions', async () => {
    const fixed = await pair.run({ send: [`${post('Content-Length: 5')}hello`], answers: [answer(200, 'world')] });
    expect(fixed.received[0]?.body).toBe('hello');
    expect(fixed.responses[0]?.body).toBe('world');
    const chunks = await pair.run({
      send: [post('Transfer-Encoding: chunked'), '5\r\nhel', 'lo\r\n0\r\nX-Sum: 1\r\n\r\n'],
      answers: answers(
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nwor\r\n',
        '2\r\nld\r\n0\r\nX-Sum: 2\r\n\r\n',
      ),
    });
    expect(chunks.received[0]).toMatchObject({ body: 'hello', trailers: [[expect.stringMatching(/^x-sum$/i), '1']] });
    expect(chunks.responses[0]).toMatchObject({ body: 'world', trailers: [[expect.stringMatching(/^x-sum$/i), '2']] });
  });

  it('answers HEAD without a body, and keeps the length', async () => {
    const { responses, connection } = await pair.run({
      send: [head('HEAD / HTTP/1.1', 'Host: shop')],
      methods: ['HEAD'],
      answers: answers('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'),
    });
    expect(fieldOf(responses[0], 'content-length')).toBe('5');
    expect(connection).toBe('open');
  });

  it.each([
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['304', 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n'],
    ['103 before it', `HTTP/1.1 103 Early Hints\r\n\r\n${OK}`],
  ])('passes a %s', async (_what, bytes) => {
    const { responses, connection } = await pair.run({ send: [get()], answers: answers(bytes) });
    expect(responses).toHaveLength(1);
    expect(responses[0]?.start).not.toContain(' 103 ');
    expect(connection).toBe('open');
  });

  it('answers Expect: 100-continue before the body comes', async () => {
    const { responses, received } = await pair.run({
      send: [post('Content-Length: 2', 'Expect: 100-continue'), { until: '100 Continue\r\n\r\n' }, 'ab'],
    });
    expect(responses.map(({ start }) => start)).toEqual(['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK']);
    expect(received[0]?.body).toBe('ab');
    expect(fieldOf(received[0], 'expect')).toBeUndefined();
  });

  it('relays a WebSocket both ways until one side ends it', async () => {
    const { responses, rest, received } = await pair.run({
      send: [
        get('/ws', 'Connection: Upgrade', 'Upgrade: websocket'),
        { until: '101' },
        'ping',
        { until: 'ping' },
        'end',
      ],
      answers: answers('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n', 'echo'),
      tail: 'ping',
    });
    expect(responses[0]?.start).toBe('HTTP/1.1 101 Switching Protocols');
    expect(fieldOf(responses[0], 'upgrade')).toBe('websocket');
    expect(rest).toBe('ping');
    expect(received[0]?.after).toBe('ping');
  });

  it('takes the host of an absolute form', async () => {
    const { received } = await pair.run({ send: [head('GET http://shop/abs?q=1 HTTP/1.1', 'Host: ignored')] });
    expect(received[0]?.start).toBe('GET /abs?q=1 HTTP/1.1');
    expect(fieldOf(received[0], 'host')).toBe('shop');
  });

  it('reaches a TCP service by CONNECT, over mTLS', async () => {
    const { responses, rest } = await pair.run({
      send: [head('CONNECT db:5432 HTTP/1.1', 'Host: db:5432'), { until: '200' }, get('/over-tcp'), { until: 'ok' }],
      methods: ['CONNECT'],
      tail: 'ok',
    });
    expect(responses[0]?.start).toBe('HTTP/1.1 200 OK');
    expect(rest).toContain('ok');
  });

  it('answers a client that has closed its sending side', async () => {
    const { responses } = await pair.run({
      send: [get('/half'), 'end'],
      answers: [{ steps: [{ wait: 100 }, OK] }],
    });
    expect(responses[0]?.body).toBe('ok');
  });

  it('serves HTTP/1.0 with its rules', async () => {
    const plain = await pair.run({ send: [head('GET / HTTP/1.0', 'Host: shop')] });
    expect(plain.responses[0]?.start).toMatch(/^HTTP\/1\.0 200/);
    expect(plain.connection).toBe('closed');
    const kept = await pair.run({ send: [head('GET / HTTP/1.0', 'Host: shop', 'Connection: keep-alive')] });
    expect(kept.connection).toBe('open');
  });

  it('ends the client’s connection where the application breaks off, and logs it', async () => {
    await pair.log(0);
    const { connection, responses } = await pair.run({
      send: [get('/cut')],
      responses: 0,
      answers: answers('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', { wait: 50 }, 'end'),
    });
    expect(responses[0]?.body).toBe('abc');
    expect(connection).not.toBe('open');
    const lines = await pair.log(2);
    expect(lines.map((line) => line['response_flags']).sort()).toEqual(['UPE', 'UR']);
  });
});

describe('an HTTP/2 preface', () => {
  it('is answered by SETTINGS, and nothing of it reaches the application', async () => {
    const { received, rest } = await pair.run({
      to: 'server',
      send: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { wait: 100 }, 'end'],
      responses: 0,
      timeoutMs: 2000,
    });
    expect(received).toEqual([]);
    expect(rest.charCodeAt(3)).toBe(4);
  });
});

const many = Array.from({ length: 100 }, (_, index) => `h${index}: v`);

/** The table: what is sent, the status, and how the log tells of it. */
const BAD: readonly (readonly [what: string, request: string, status: number, details: string])[] = [
  ['no HTTP', 'hello\r\n\r\n', 400, 'http1.codec_error'],
  ['NUL in a header', get('/', 'X: a\0b'), 400, 'http1.invalid_characters'],
  ['a space before the colon', get('/', 'X : a'), 400, 'http1.codec_error'],
  ['two Content-Length', `${post('Content-Length: 1', 'Content-Length: 2')}ab`, 400, 'http1.codec_error'],
  [
    'both framings',
    `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    400,
    'http1.content_length_and_chunked_not_allowed',
  ],
  ['no Host', head('GET / HTTP/1.1'), 400, 'missing_host_header'],
  ['a foreign Transfer-Encoding', post('Transfer-Encoding: gzip'), 501, 'http1.invalid_transfer_encoding'],
  ['a bare LF', 'GET / HTTP/1.1\nHost: shop\n\n', 400, 'http1.codec_error'],
  ['a bare CR', get('/', 'X: a\rb'), 400, 'http1.codec_error'],
  ['obs-fold', get('/', 'X: a', ' b'), 400, 'http1.codec_error'],
  ['two Hosts', get('/', 'Host: other'), 400, 'http1.codec_error'],
  ['a head over 60 KiB', get('/', `X: ${'a'.repeat(61 * 1024)}`), 431, 'http1.headers_too_large'],
  ['over 100 headers', get('/', ...many), 431, 'http1.too_many_headers'],
];

describe.each(['client', 'server'] as const)('bad input to the %s’s sidecar', (to: Entry) => {
  it.each(BAD)('%s', async (_what, bytes, status, details) => {
    await pair.log(0);
    const { responses, connection, received } = await pair.run({ to, send: [bytes] });
    expect(responses.map(({ start }) => Number(start.split(' ')[1]))).toEqual([status]);
    expect(fieldOf(responses[0], 'connection')).toBe('close');
    expect(connection).toBe('closed');
    expect(received).toEqual([]);
    const [line] = await pair.log(1);
    const flags = details === 'missing_host_header' ? '-' : 'DPE';
    expect(line).toMatchObject({ response_code: status, response_flags: flags, response_code_details: details });
  });

  it('counts them with code and flag', async () => {
    const text = await pair.admin(to === 'client' ? 'client' : 'shop', '/stats/prometheus');
    const found = parseMetrics(text, 'istio_requests_total').filter(({ labels }) => labels['response_flags'] === 'DPE');
    const counts = Object.fromEntries(found.map(({ labels, value }) => [labels['response_code'], value]));
    expect(counts).toEqual({ 400: 9, 431: 2, 501: 1 });
  });
});

/** What goes wrong behind a good request. */
const FAILURES: readonly (readonly [
  what: string,
  request: Pick<RawRequest, 'send'>,
  answers: readonly Answer[] | undefined,
  status: number,
  client: string,
])[] = [
  ['no route', { send: [head('GET / HTTP/1.1', 'Host: partial.test')] }, undefined, 404, 'NR'],
  ['an end before the answer', { send: [post('Content-Length: 1'), 'a'] }, answers('end'), 503, 'via_upstream'],
  ['a reset before the answer', { send: [post('Content-Length: 1'), 'a'] }, answers('reset'), 503, 'via_upstream'],
];

describe('failures', () => {
  it.each(FAILURES)('%s', async (_what, request, steps, status, expected) => {
    await pair.log(0);
    const { responses } = await pair.run({ ...request, ...(steps === undefined ? {} : { answers: steps }) });
    expect(Number(responses[0]?.start.split(' ')[1])).toBe(status);
    const lines = await pair.log(expected === 'NR' ? 1 : 2);
    const client = lines.find((line) => !String(line['upstream_cluster']).startsWith('inbound'));
    const server = lines.find((line) => String(line['upstream_cluster']).startsWith('inbound'));
    if (expected === 'NR') expect(client?.['response_flags']).toBe('NR');
    else {
      expect(client?.['response_code_details']).toBe('via_upstream');
      expect(server?.['response_flags']).toBe('UC');
    }
  });
});
