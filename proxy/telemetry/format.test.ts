import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { FLAG } from '../http/flags.js';
import { PLAINTEXT_PEER, type StreamInfo } from '../http/stream-info.js';
import { compileFormat } from './format.js';
import { ISTIO_TEXT_FORMAT } from './formats.js';
import { TEST_CONNECTION, testInfo, testRequest, testResponse } from './testing.js';

const context = {
  info: testInfo(),
  request: testRequest({ 'User-Agent': 'curl/8', 'X-Request-Id': 'id-1' }),
  response: testResponse({ 'x-envoy-upstream-service-time': '4' }),
};

describe('access log format', () => {
  it('writes the line of the default format of Istio', () => {
    expect(compileFormat(ISTIO_TEXT_FORMAT).format(context)).toBe(
      '[2026-01-02T03:04:05.067Z] "GET /a?b=c HTTP/1.1" 200 - via_upstream - "-" 0 12 5 4 "-" "curl/8" "id-1" ' +
        '"reviews:9080" "10.0.0.1:9080" outbound|9080||reviews.default.svc.cluster.local 10.0.0.2:5555 ' +
        '127.0.0.1:15001 127.0.0.1:40000 - default\n',
    );
  });

  /** Lines that Envoy 1.40 wrote for the same template, and what it knew when it wrote them. */
  const envoy: [
    name: string,
    line: string,
    info: Partial<StreamInfo>,
    request: Record<string, string>,
    over: object,
  ][] = [
    [
      'a direct response',
      '[2026-11-21T09:39:01.426Z] "GET /direct HTTP/1.1" 200 - direct_response - "-" 0 3 0 - "192.0.2.2" "x"y" "681e29c3" "a" "-" - - 127.0.0.1:19080 127.0.0.1:44148 - my direct\n',
      {
        responseCodeDetails: 'direct_response',
        bytesSent: 3,
        routeName: 'my direct',
        clusterName: '',
        upstreamHost: '',
        upstreamLocalAddress: '',
      },
      { 'x-forwarded-for': '192.0.2.2', 'user-agent': 'x"y', 'x-request-id': '681e29c3' },
      { path: '/direct' },
    ],
    [
      'a host that refuses, after retries',
      '[2026-11-21T09:39:01.426Z] "GET /dead-retry HTTP/1.1" 503 URX,UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} - "delayed_connect_error:_Connection_refused" 0 121 0 - "192.0.2.2" "curl/7.88.1" "c20c578a" "a" "127.0.0.1:1" dead - 127.0.0.1:19080 127.0.0.1:44148 - -\n',
      {
        responseCode: 503,
        flags: FLAG.UF | FLAG.URX,
        responseCodeDetails:
          'upstream_reset_before_response_started{remote_connection_failure|delayed connect error: Connection refused}',
        upstreamTransportFailureReason: 'delayed connect error: Connection refused',
        bytesSent: 121,
        routeName: '',
        clusterName: 'dead',
        upstreamHost: '127.0.0.1:1',
        upstreamLocalAddress: '',
      },
      { 'x-forwarded-for': '192.0.2.2', 'user-agent': 'curl/7.88.1', 'x-request-id': 'c20c578a' },
      { path: '/dead-retry' },
    ],
    [
      'a header that was sent twice, and a rewritten path',
      '[2026-11-21T09:39:01.426Z] "GET /adm HTTP/1.1" 200 - via_upstream - "-" 0 12 0 2 "-" "1,2" "302e7e0e" "a" "127.0.0.1:19901" adm 127.0.0.1:44120 127.0.0.1:19080 127.0.0.1:44148 - -\n',
      { routeName: '', clusterName: 'adm', upstreamHost: '127.0.0.1:19901', upstreamLocalAddress: '127.0.0.1:44120' },
      { 'user-agent': '1', 'User-Agent': '2', 'x-request-id': '302e7e0e', 'x-envoy-original-path': '/adm' },
      { path: '/server_info' },
    ],
  ]; // prettier-ignore
  it.each(envoy)('writes the line of Envoy for %s', (_name, line, over, headers, head) => {
    const connection = { ...TEST_CONNECTION, localAddress: '127.0.0.1:19080', remoteAddress: '127.0.0.1:44148' };
    const info = testInfo({
      startEpoch: Date.UTC(2026, 10, 21, 9, 39, 1, 426),
      start: 0,
      end: 0.4,
      connection,
      ...over,
    });
    const request = testRequest(headers, { authority: 'a', ...head });
    const response = testResponse(over.clusterName === 'adm' ? { 'x-envoy-upstream-service-time': '2' } : {});
    expect(compileFormat(ISTIO_TEXT_FORMAT).format({ info, request, response })).toBe(line);
  });

  const table: [template: string, line: string][] = [
    ['', ''],
    ['plain', 'plain'],
    ['100%% %PROTOCOL%', '100% HTTP/1.1'],
    ['%START_TIME(%Y/%m/%dT%H:%M:%S.%3f %s)%', '2026/01/02T03:04:05.067 1767323045'],
    ['%EMIT_TIME%', '2026-01-02T03:04:05.072Z'],
    ['%REQ(X-MISSING?USER-AGENT):4%', 'curl'],
    ['%REQ(x-missing)%', '-'],
    ['%REQ_WITHOUT_QUERY(:PATH)%', '/a'],
    ['%REQ(:SCHEME)%', 'http'],
    ['%RESP(:STATUS)% %TRAILER(grpc-status)%', '200 -'],
    ['%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', '- -'],
    ['%DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %REQUEST_DURATION%', '5 4 1 -'],
    ['%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%', '10.0.0.1 9080'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%', '127.0.0.1 40000'],
    ['%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT% %CONNECTION_ID%', '127.0.0.1 15001 7'],
    ['%DYNAMIC_METADATA(a:b)% %FILTER_STATE(x:PLAIN)%', '- -'],
    ['%HOSTNAME%', hostname()],
    ['%PATH(NQ)% %PATH(NQ:ORIG)% %QUERY_PARAM(b)% %QUERY_PARAM(c)% %QUERY_PARAMS%', '/a - c - b=c'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(9)%', '127.0.0.0/9'],
    ['%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)% %COMMON_DURATION(DS_RX_BEG:mine:ms)%', '5700 -'],
    ['%REQUEST_HEADER(USER-AGENT):4% %RESPONSE_HEADER(:STATUS)%', 'curl 200'],
    ['%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":METHOD"}]}):2%', 'GE'],
    ['%START_TIME(%j %D %R)%', '002 01/02/26 03:04'],
    ['%GRPC_STATUS% %GRPC_STATUS_NUMBER%', '- -'],
    ['%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION%', '- -'],
  ];
  it.each(table)('%s', (template, line) => {
    expect(compileFormat(template).format(context)).toBe(line);
  });

  it('tells what went wrong', () => {
    const info = testInfo({
      responseCode: 503,
      flags: FLAG.UF | FLAG.URX,
      upstreamTransportFailureReason: 'delayed connect error: 111',
      grpcStatus: 14,
    });
    const format = compileFormat(
      '%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %UPSTREAM_TRANSPORT_FAILURE_REASON% %GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)%',
    );
    expect(format.format({ ...context, info })).toBe(
      'URX,UF UpstreamRetryLimitExceeded,UpstreamConnectionFailure delayed_connect_error:_111 Unavailable UNAVAILABLE 14',
    );
  });

  it('tells who the peer is', () => {
    const peer = {
      ...PLAINTEXT_PEER,
      mtls: true,
      uriSan: 'spiffe://a/ns/b/sa/c',
      localUriSan: 'spiffe://a/ns/b/sa/d',
      tlsVersion: 'TLSv1.3',
      sni: 'x.y',
    };
    const info = testInfo({ connection: { ...TEST_CONNECTION, peer } });
    const format = compileFormat(
      '%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_LOCAL_URI_SAN% %DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME%',
    );
    expect(format.format({ ...context, info })).toBe('spiffe://a/ns/b/sa/c spiffe://a/ns/b/sa/d TLSv1.3 x.y');
  });

  it('lets no client forge a log line', () => {
    const request = testRequest({ 'user-agent': 'x\r\n[2026] "GET / HTTP/1.1" 200\u001b[31m\u0085' });
    const line = compileFormat('"%REQ(USER-AGENT)%"').format({ ...context, request });
    expect(line).toBe('"x\\x0d\\x0a[2026] "GET / HTTP/1.1" 200\\x1b[31m\\x85"');
  });

  it('keeps types for JSON', () => {
    expect(compileFormat('%RESPONSE_CODE%').value(context)).toBe(200);
    expect(compileFormat('%ROUTE_NAME%').value(context)).toBe('default');
    expect(compileFormat('%REQUESTED_SERVER_NAME%').value(context)).toBeUndefined();
    expect(compileFormat('code %RESPONSE_CODE%').value(context)).toBe('code 200');
  });

  it('works for connections without heads', () => {
    const info = testInfo({ method: '', responseCode: 0, routeName: '' });
    const line = compileFormat(ISTIO_TEXT_FORMAT).format({ info, request: undefined, response: undefined });
    expect(line).toMatch(/^\[2026-01-02T03:04:05\.067Z\] "- - -" 0 - /);
  });

  const wrong: [template: string, message: RegExp][] = [
    ['%NO_SUCH%', /unknown operator %NO_SUCH%/],
    ['a %', /no operator at position 2/],
    ['%REQ(', /no operator at position 0/],
    ['%REQ%', /%REQ% needs \(NAME\)/],
    ['%REQ(A?B?C)%', /%REQ% needs \(NAME\)/],
    ['%PROTOCOL(x)%', /takes no argument/],
    ['%PATH(XX)%', /%PATH% takes \(WQ\|NQ:ORIG/],
    ['%COMMON_DURATION(DS_RX_BEG:DS_TX_END)%', /needs \(START:END:PRECISION\)/],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%', /length of a prefix/],
    ['%METADATA(NONE:a:b)%', /knows no NONE/],
    ['%COALESCE({})%', /needs \(\{"operators"/],
    ['%CEL(1 == 1)%', /for access logs/],
    ['%START_TIME(%Q)%', /time specifier %Q/],
    ['%GRPC_STATUS(X)%', /unknown form X/],
  ];
  it.each(wrong)('refuses %s', (template, message) => {
    expect(() => compileFormat(template)).toThrow(message);
  });
});
