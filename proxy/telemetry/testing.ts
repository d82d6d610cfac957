import { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import { type ConnectionInfo, PLAINTEXT_PEER, StreamInfo } from '../http/stream-info.js';

/** Finished requests for the tests of this folder. */
export const TEST_CONNECTION: ConnectionInfo = {
  id: 7,
  localAddress: '127.0.0.1:15001',
  localIp: '127.0.0.1',
  localPort: 15001,
  remoteAddress: '127.0.0.1:40000',
  remoteIp: '127.0.0.1',
  remotePort: 40000,
  peer: PLAINTEXT_PEER,
};

export function testInfo(over: Partial<StreamInfo> = {}): StreamInfo {
  return Object.assign(new StreamInfo(TEST_CONNECTION), {
    startEpoch: Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    start: 1000,
    upstreamFirstByte: 1004.2,
    end: 1005.7,
    method: 'GET',
    originalPath: '/a?b=c',
    path: '/a?b=c',
    authority: 'reviews:9080',
    responseCode: 200,
    responseCodeDetails: 'via_upstream',
    bytesSent: 12,
    routeName: 'default',
    clusterName: 'outbound|9080||reviews.default.svc.cluster.local',
    upstreamHost: '10.0.0.1:9080',
    upstreamLocalAddress: '10.0.0.2:5555',
    ...over,
  });
}

export function testRequest(headers: Record<string, string> = {}, over: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    path: '/a?b=c',
    authority: 'reviews:9080',
    scheme: 'http',
    version: 'HTTP/1.1',
    headers: headerList(headers),
    ...over,
  };
}

export function testResponse(headers: Record<string, string> = {}, status = 200): ResponseHead {
  return { status, reason: 'OK', headers: headerList(headers) };
}

function headerList(headers: Record<string, string>): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) list.append(name, value);
  return list;
}
