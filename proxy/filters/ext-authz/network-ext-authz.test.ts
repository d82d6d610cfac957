import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../common/xds/codec.js';
import { MESSAGE } from '../../../common/xds/type-urls.js';
import { HeaderList } from '../../http/headers.js';
import type { ServiceAnswer, ServiceClient } from '../../router/forward/service-call.js';
import { Issues } from '../../snapshot/issues.js';
import { compileNetworkExtAuthz } from './network-ext-authz.js';

const CONNECTION = {
  remoteIp: '10.0.0.1',
  remotePort: 1000,
  localIp: '10.0.0.2',
  localPort: 6379,
  peer: { mtls: true, uriSan: 'spiffe://cluster.local/ns/default/sa/a', dnsSans: [], certificate: Buffer.alloc(0) },
};

/** An answer of `Authorization.Check` with a gRPC status of the decision. */
function decision(code: number): ServiceAnswer {
  const message = encodeMessage(MESSAGE.checkResponse, { status: { code } });
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  const trailers = new HeaderList();
  trailers.append('grpc-status', '0');
  return { status: 200, headers: new HeaderList(), body: Buffer.concat([frame, message]), trailers };
}

async function ask(answer: () => Promise<ServiceAnswer>, more: object = {}) {
  const counted: string[] = [];
  const issues = new Issues();
  const filter = compileNetworkExtAuthz(
    { stat_prefix: 'tcp.', grpc_service: { envoy_grpc: { cluster_name: 'authz' } }, ...more } as never,
    'authz',
    {
      services: { start: () => ({ answer: answer(), cancel: () => {} }) } as unknown as ServiceClient,
      counters: ((name: string) => ({ increment: () => void counted.push(name) })) as never,
    },
    issues,
  );
  expect(issues.errors).toEqual([]);
  const verdict = await filter.onConnection(CONNECTION as never, { metadata: undefined } as never);
  return { verdict, counted: counted.map((name) => name.replace('ext_authz.tcp.', '')) };
}

describe('a connection that a service decides about', () => {
  it.each([
    ['allowed', () => Promise.resolve(decision(0)), {}, true, ['total', 'ok']],
    ['denied', () => Promise.resolve(decision(7)), {}, false, ['total', 'denied']],
    ['not decided', () => Promise.reject(new Error('down')), {}, false, ['total', 'error']],
    [
      'not decided, but open',
      () => Promise.reject(new Error('down')),
      { failure_mode_allow: true },
      true,
      ['total', 'error', 'failure_mode_allowed'],
    ],
    [
      'denied, though open',
      () => Promise.resolve(decision(7)),
      { failure_mode_allow: true },
      false,
      ['total', 'denied'],
    ],
  ] as const)('%s', async (_, answer, more, allow, counters) => {
    const { verdict, counted } = await ask(answer, more);
    expect([verdict?.allow, counted]).toEqual([allow, [...counters]]);
  });
});
