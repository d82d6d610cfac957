import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { toStruct } from '../../common/xds/struct.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { ClientGuard } from '../ca/client-guard.js';
import { AdsServer } from './server.js';
import { ADS_SERVICE, type DeltaDiscoveryResponse } from './service.js';

const none = (): void => {};
const log = pino({ level: 'silent' });
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});

/** A server whose callers all come from one pod, and the timers that it set. */
async function start(): Promise<{
  readonly open: () => ReturnType<typeof stream>;
  readonly timers: Map<number, () => void>;
}> {
  const timers = new Map<number, () => void>();
  const clock: Clock = {
    ...systemClock,
    after: (ms, run) => {
      timers.set(ms, run);
      return { cancel: () => timers.delete(ms) };
    },
  };
  const events = {
    ...{ connected: none, disconnected: none, sent: none, expiredNonce: none, accepted: none },
    ...{ converged: none, internalError: none, generated: none, rejected: none },
  };
  const caller = { namespace: 'default', serviceAccount: 'a', pod: 'a-1' };
  const ads = new AdsServer({
    generate: () => new Map(),
    verifier: { verify: () => Promise.resolve(caller) },
    guard: new ClientGuard(clock, log),
    events,
    clock,
    log,
  });
  const server = new Server();
  server.addService(ADS_SERVICE, ads.handlers(false));
  const port = await new Promise<number>((done, fail) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, taken) =>
      error === null ? done(taken) : fail(error),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  cleanup.push(
    () => client.close(),
    () => server.forceShutdown(),
  );
  return { open: () => stream(client), timers };
}

function stream(client: Client) {
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer good');
  const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  const answered = new Promise<DeltaDiscoveryResponse>((resolve) => call.on('data', resolve));
  const node = {
    id: 'sidecar~10.0.0.1~a-1.default~default.svc.cluster.local',
    metadata: toStruct({ NAMESPACE: 'default', SERVICE_ACCOUNT: 'a' }),
  };
  cleanup.push(() => call.cancel());
  return { ended, answered, ask: () => call.write({ node, type_url: TYPE.cluster } as never) };
}

it('a stream that asks for nothing ends', async () => {
  const { open, timers } = await start();
  const { ended } = open();
  while (!timers.has(30_000)) await new Promise((resolve) => setTimeout(resolve, 5));
  timers.get(30_000)?.();
  expect(await ended).toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

it('a pod that opens ever more streams keeps sixteen', async () => {
  const { open } = await start();
  const streams = Array.from({ length: 17 }, open);
  for (const { ask } of streams) ask();
  expect(await Promise.race(streams.map(({ ended }) => ended))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
});
