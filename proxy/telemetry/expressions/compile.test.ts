import { describe, expect, it } from 'vitest';
import { FLAG } from '../../http/flags.js';
import { PLAINTEXT_PEER } from '../../http/stream-info.js';
import { TEST_CONNECTION, testInfo, testRequest, testResponse } from '../testing.js';
import { Expressions, showValue } from './compile.js';

const expressions = new Expressions({ id: 'sidecar~1', metadata: { CLUSTER_ID: 'east' } });

describe('expressions', () => {
  const peer = { ...PLAINTEXT_PEER, mtls: true, uriSan: 'spiffe://t/ns/a/sa/b' };
  const info = testInfo({ responseCode: 503, flags: FLAG.UF, connection: { ...TEST_CONNECTION, peer } });
  const context = { info, request: testRequest({ 'x-a': 'b' }), response: testResponse({ 'x-r': 's' }) };
  const table: [expression: string, result: boolean][] = [
    ['response.code >= 400', true],
    ['response.code >= 400 && connection.mtls == false', false],
    ['response.code < 400 || connection.mtls', true],
    ['!connection.mtls', false],
    ["request.url_path.contains('a')", true],
    ['request.url_path == "/a"', true],
    ['request.url_path.startsWith("/b") || request.path.endsWith("b=c")', true],
    ["request.headers['x-a'] == 'b' && response.headers['x-r'] == 's'", true],
    ["'x-none' in request.headers", false],
    ['has(request.headers.none)', false],
    ['has(request.useragent)', false],
    ['has(response.code)', true],
    ['has(response.grpc_status)', false],
    ['response.grpc_status == 0', false],
    ['response.grpc_status != 0', false],
    ['response.grpc_status != 0 || true', true],
    ['false && response.grpc_status == 0', false],
    ['!(response.grpc_status == 0)', false],
    ['response.code in [500, 503]', true],
    ["request.method.matches('^G.T$') && !request.method.matches('^X')", true],
    ['(response.code + 1) * 2 == 1008 && 7 / 2 == 3 && -1 < 0', true],
    ['size(request.method) == 3 && request.method.size() == 3', true],
    ["xds.cluster_name == 'outbound|9080||reviews.default.svc.cluster.local'", true],
    ['connection.mtls ? response.code == 503 : false', true],
    ["connection.uri_san_peer_certificate == 'spiffe://t/ns/a/sa/b'", true],
    ["request.host == 'a\\'b'", false],
  ]; // prettier-ignore

  it.each(table)('%s is %s', (expression, result) => {
    const compiled = expressions.compile(expression);
    expect(compiled.fault).toBeUndefined();
    expect(compiled.value(context) === true).toBe(result);
  });

  const values: [expression: string, shown: string | undefined][] = [
    ['request.host', 'reviews:9080'],
    ['response.code', '503'],
    ['string(response.code)', '503'],
    ['connection.mtls', 'true'],
    ["request.headers['X-A']", 'b'],
    ["request.headers['x-none']", undefined],
    ["'x-none' in request.headers ? request.headers['x-none'] : 'none'", 'none'],
    ["request.headers.map(name, name + '!')[0]", 'x-a!'],
    ["node.metadata['CLUSTER_ID'] + '/' + node.id", 'east/sidecar~1'],
    ['request.duration > duration("1s") ? "slow" : "fast"', 'fast'],
    ['request.time', '2026-01-02T03:04:05.067Z'],
    ['filter_state.upstream_peer.app', undefined],
    ['1.5', '1.5'],
    ['null', 'null'],
    ["{'a': 1}", '{"a":1}'],
  ];
  it.each(values)('the value of %s is %s', (expression, shown) => {
    const value = expressions.compile(expression).value(context);
    expect(value === undefined ? undefined : showValue(value)).toBe(shown);
  });

  it('tells client and server apart', () => {
    const workload = {
      workload: 'a-v1',
      namespace: 'ns',
      canonicalService: 'a',
      canonicalRevision: 'v1',
      app: 'a',
      version: 'v1',
      cluster: 'east',
    };
    const value = (expression: string, clusterName: string): unknown =>
      expressions.compile(expression).value({ ...context, info: testInfo({ clusterName, peerWorkload: workload }) });
    expect(value('filter_state.downstream_peer.app', 'inbound|80||')).toBe('a');
    expect(value('downstream_peer.revision', '')).toBe('v1');
    expect(value('upstream_peer.workload', 'outbound|80||b')).toBe('a-v1');
    expect(value('has(filter_state.downstream_peer)', 'outbound|80||b')).toBe(false);
  });

  const wrong: [expression: string, error: RegExp][] = [
    ['', /Unexpected token: EOF at position 0/],
    ['response.code >=', /Unexpected token: EOF at position 16/],
    ['response.code 400', /at position 14/],
    ["request.path.matches('(')", /missing closing/],
    ['a # b', /at position 2/],
    ['('.repeat(1000), /depth/i],
    ['!'.repeat(1000), /./],
    [`true${' && true'.repeat(1000)}`, /./],
  ];
  it.each(wrong)('refuses %.40s', (expression, error) => {
    expect(() => expressions.compile(expression)).toThrow(error);
  });

  const valueless: [expression: string, fault: RegExp][] = [
    ['foo.bar == 1', /Unknown variable: foo/],
    ['constructor == 1', /Unknown variable: constructor/],
    ['request.nothing == "x"', /No such key: nothing at position 8/],
    ['response.code == "503"', /no such overload: int == string/],
    ['request.method.foo("x")', /foo/],
    ['request.method.toString("x")', /toString/],
  ];
  it.each(valueless)('says why %s has no value', (expression, fault) => {
    const compiled = expressions.compile(expression);
    expect(compiled.fault).toMatch(fault);
    expect(compiled.value(context)).toBeUndefined();
  });
});
