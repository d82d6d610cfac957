import { describe, expect, it } from 'vitest';
import { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import { PLAINTEXT_PEER, StreamInfo } from '../http/stream-info.js';
import { extractB3, injectB3 } from './b3.js';
import { RequestTrace } from './request-trace.js';
import type { TraceReason } from './sampling.js';
import type { Span } from './span.js';
import type { TracingConfig } from './tracer.js';

const REQUEST_ID = '00000000-aaaa-4bbb-8ccc-dddddddddddd';

function setUp(more: Partial<TracingConfig> = {}, fields: Readonly<Record<string, string>> = {}) {
  const spans: Span[] = [];
  const reasons: TraceReason[] = [];
  const config: TracingConfig = {
    tracer: {
      traceIdBytes: 16,
      namesByHost: false,
      extract: extractB3,
      inject: injectB3,
      sink: { add: (span) => spans.push(span) },
    },
    egress: true,
    sampling: { client: 1, random: 1, overall: 1, byRequestId: true, packReason: true },
    maxPathLength: 256,
    customTags: [{ name: 'team', value: ({ request }) => request?.headers.get('x-team') }],
    attemptSpans: false,
    propagates: true,
    node: { id: 'node', zone: 'zone' },
    count: (reason) => reasons.push(reason),
    ...more,
  };
  const headers = new HeaderList();
  for (const [name, value] of Object.entries({ 'x-request-id': REQUEST_ID, 'x-team': 'blue', ...fields })) {
    headers.append(name, value);
  }
  const request: RequestHead = {
    method: 'GET',
    path: '/a?b',
    authority: 'reviews:9080',
    scheme: 'http',
    version: 'HTTP/1.1',
    headers,
  };
  const info = new StreamInfo({
    id: 1,
    localAddress: '10.0.0.1:80',
    localIp: '10.0.0.1',
    localPort: 80,
    remoteAddress: '10.0.0.2:4711',
    remoteIp: '10.0.0.2',
    remotePort: 4711,
    peer: PLAINTEXT_PEER,
  });
  Object.assign(info, { requestId: REQUEST_ID, method: 'GET', originalPath: '/a?b', authority: 'reviews:9080' });
  Object.assign(info, { startEpoch: 1000, start: 50, end: 58.5, responseCode: 200, clusterName: 'outbound|80||r' });
  let ids = 0;
  const newId = (bytes: 8 | 16): string => (++ids).toString(16).padStart(bytes * 2, '0');
  const trace = RequestTrace.begin(config, request, info, () => 0, newId);
  const finish = (response?: ResponseHead): readonly Span[] => {
    trace.finish(info, request, response);
    return spans;
  };
  return { trace, headers, request, info, finish, reasons };
}

describe('a request’s part in a trace', () => {
  it('begins a trace: upstream gets its identifiers, and one span is recorded', () => {
    const { headers, finish, info, reasons } = setUp();
    expect(headers.get('x-b3-traceid')).toBe('1'.padStart(32, '0'));
    expect(headers.get('x-b3-spanid')).toBe('2'.padStart(16, '0'));
    expect(headers.get('x-request-id')).toBe(REQUEST_ID.replace('-4', '-9'));
    expect([info.traceId, info.requestId]).toEqual(['1'.padStart(32, '0'), headers.get('x-request-id')]);
    const [span, ...more] = finish();
    expect(more).toEqual([]);
    expect(span).toMatchObject({
      name: 'egress reviews:9080',
      kind: 'client',
      parentId: '',
      start: 1000,
      end: 1008.5,
      error: false,
    });
    expect(Object.fromEntries(span?.tags ?? [])).toMatchObject({
      node_id: 'node',
      'guid:x-request-id': headers.get('x-request-id'),
      'http.url': 'http://reviews:9080/a?b',
      'http.status_code': '200',
      'url.path': '/a',
      'server.address': 'reviews',
      'server.port': '9080',
      upstream_cluster: 'outbound|80||r',
      team: 'blue',
    });
    expect(reasons).toEqual(['random_sampling']);
  });

  it('continues what came, and takes the caller’s decision', () => {
    const came = { 'x-b3-traceid': 'a'.repeat(32), 'x-b3-spanid': 'b'.repeat(16) };
    const { headers, finish } = setUp({ egress: false }, { ...came, 'x-b3-sampled': '0' });
    expect(headers.get('x-b3-traceid')).toBe('a'.repeat(32));
    expect(headers.get('x-b3-parentspanid')).toBe('b'.repeat(16));
    expect(headers.get('x-b3-sampled')).toBe('0');
    expect(finish()).toEqual([]);
    const sampled = setUp({ egress: false }, came);
    expect(sampled.finish()[0]).toMatchObject({ parentId: 'b'.repeat(16), kind: 'server', name: 'ingress' });
  });

  it('tells the other side what the route is called', () => {
    const client = setUp();
    client.trace.onRoute('reviews:9080/*', client.request);
    expect(client.headers.get('x-envoy-decorator-operation')).toBe('reviews:9080/*');
    expect(client.finish()[0]?.name).toBe('reviews:9080/*');
    const server = setUp({ egress: false }, { 'x-envoy-decorator-operation': 'reviews:9080/*' });
    expect(server.headers.has('x-envoy-decorator-operation')).toBe(false);
    server.trace.onRoute('own', server.request);
    const head: ResponseHead = { status: 200, reason: '', headers: new HeaderList() };
    server.trace.onResponse(head);
    expect(head.headers.has('x-envoy-decorator-operation')).toBe(false);
    expect(server.finish()[0]?.name).toBe('reviews:9080/*');
  });

  it('tells a client without a route by the response, which its sidecar takes', () => {
    const server = setUp({ egress: false });
    server.trace.onRoute('own', server.request);
    const head: ResponseHead = { status: 200, reason: '', headers: new HeaderList() };
    server.trace.onResponse(head);
    expect(head.headers.get('x-envoy-decorator-operation')).toBe('own');
    const client = setUp();
    client.trace.onResponse(head);
    expect(head.headers.has('x-envoy-decorator-operation')).toBe(false);
    expect(client.finish(head)[0]?.name).toBe('own');
  });

  it('records attempts of their own, each the parent that upstream sees', () => {
    const { trace, headers, finish } = setUp({ attemptSpans: true });
    trace.beginAttempt(headers, '10.0.0.9:80', 'c', 1001);
    const first = headers.get('x-b3-spanid');
    trace.attemptAnswered(503);
    trace.beginAttempt(headers, '10.0.0.8:80', 'c', 1004);
    trace.attemptAnswered(200);
    expect(headers.get('x-b3-spanid')).not.toBe(first);
    expect(finish().map(({ name, kind, start, end, error }) => [name, kind, start, end, error])).toEqual([
      ['router c egress', 'client', 1001, 1004, true],
      ['router c egress', 'client', 1004, 1008.5, false],
      ['egress reviews:9080', 'server', 1000, 1008.5, false],
    ]);
  });

  it('tells nobody where that is switched off', () => {
    expect(setUp({ propagates: false }).headers.has('x-b3-traceid')).toBe(false);
  });

  it('marks errors', () => {
    const { info, finish } = setUp();
    info.responseCode = 503;
    expect(finish()[0]?.error).toBe(true);
  });
});
