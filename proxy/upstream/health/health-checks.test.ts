import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../common/runtime/testing.js';
import { PLAINTEXT_PEER } from '../../http/stream-info.js';
import { PLAINTEXT } from '../compile-transport.js';
import { FieldReport } from '../fields.js';
import { UpstreamHost } from '../host.js';
import { compileHealthCheck } from './compile.js';
import type { CheckResult } from './config.js';
import { HealthChecks } from './health-checks.js';
import { makeProbe, type ProbeTarget } from './probes.js';

const SECOND = { seconds: 1 };
const BASE = {
  timeout: SECOND,
  interval: { seconds: 10 },
  unhealthy_threshold: { value: 2 },
  healthy_threshold: { value: 3 },
};

const closing: Server[] = [];
afterEach(() => {
  for (const server of closing.splice(0)) server.close();
});

/** Something at which a connection is answered as told. */
async function serve(answer: (chunk: Buffer) => string | undefined, greeting = ''): Promise<ProbeTarget> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (greeting !== '') socket.write(greeting);
    socket.on('data', (chunk) => {
      const text = answer(chunk);
      if (text === undefined) socket.destroy();
      else socket.write(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(server);
  const { port } = server.address() as AddressInfo;
  return {
    authority: 'a',
    createCodec: () => {
      throw new Error('not for TCP');
    },
    connect: (events) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => events.onReady(PLAINTEXT_PEER));
      return socket;
    },
  };
}

const hex = (text: string): { text: string } => ({ text: Buffer.from(text).toString('hex') });

describe('over TCP', () => {
  const check = async (target: ProbeTarget, tcp: object): Promise<CheckResult> => {
    const config = compileHealthCheck([{ ...BASE, tcp_health_check: tcp }], new FieldReport());
    const probe = makeProbe(config!.probe, target, true);
    const result = await new Promise<CheckResult>((resolve) => probe.check(resolve));
    probe.abandon();
    return result;
  };

  it('a connection is enough where nothing is to come', async () => {
    expect(await check(await serve(() => ''), {})).toEqual({ kind: 'success' });
  });

  it('waits for the parts in their order', async () => {
    const target = await serve((chunk) => (chunk.toString() === 'PING' ? 'xPOxNGx' : ''));
    const result = await check(target, { send: hex('PING'), receive: [hex('PO'), hex('NG')] });
    expect(result).toEqual({ kind: 'success' });
  });

  it('fails when the connection ends before', async () => {
    const target = await serve(() => undefined);
    expect(await check(target, { send: hex('PING'), receive: [hex('PONG')] })).toEqual({ kind: 'network-failure' });
  });
});

describe('thresholds', () => {
  const results: CheckResult[] = [];
  const OK: CheckResult = { kind: 'success' };
  const BAD: CheckResult = { kind: 'failure', retriable: false };
  const LOST: CheckResult = { kind: 'network-failure' };

  /** Checks of one host whose connections end as `results` says: a check of TCP that is answered at once. */
  function setUp(more: object = {}): {
    clock: ManualClock;
    host: UpstreamHost;
    checks: HealthChecks;
    changes: () => number;
  } {
    const clock = new ManualClock();
    const config = compileHealthCheck([{ ...BASE, tcp_health_check: {}, ...more }], new FieldReport())!;
    let changes = 0;
    const checks = new HealthChecks(config, {
      clock,
      random: () => 0,
      hasTraffic: () => true,
      onChange: () => changes++,
      onHealthy: () => {},
      target: () => ({
        authority: '',
        createCodec: () => {
          throw new Error('not for TCP');
        },
        connect: (events) => {
          const result = results.shift() ?? OK;
          if (result.kind === 'success') queueMicrotask(() => events.onReady(PLAINTEXT_PEER));
          else queueMicrotask(() => events.onFailed('connect-failure', ''));
          return connect({ host: '127.0.0.1', port: 1 }).on('error', () => {});
        },
      }),
    });
    const host = new UpstreamHost('10.0.0.1', 80, PLAINTEXT, false);
    checks.setHosts([host]);
    return { clock, host, checks, changes: () => changes };
  }

  const step = async (clock: ManualClock, ms: number): Promise<void> => {
    clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
  };

  it('a host is not used until it has answered; once is enough then', async () => {
    results.push(OK);
    const { clock, host, checks } = setUp();
    expect(host.availability).toBe('unhealthy');
    await step(clock, 0);
    expect(host.availability).toBe('healthy');
    expect(checks.stats).toMatchObject({ attempts: 1, successes: 1, healthy: 1 });
    checks.close();
  });

  it('network failures count up, and so do successes on the way back', async () => {
    results.push(OK, LOST, LOST, OK, OK, OK);
    const { clock, host, checks } = setUp();
    const seen: string[] = [];
    await step(clock, 0);
    for (let i = 0; i < 5; i++) {
      await step(clock, 10_000);
      seen.push(host.availability);
    }
    expect(seen).toEqual(['healthy', 'unhealthy', 'unhealthy', 'unhealthy', 'healthy']);
    expect(checks.stats).toMatchObject({ failures: 2, networkFailures: 2, healthy: 1 });
    checks.close();
  });

  it('tells when every host has been looked at', async () => {
    results.push(LOST);
    const { clock, checks } = setUp();
    let told = false;
    checks.whenChecked(() => {
      told = true;
    });
    expect(told).toBe(false);
    await step(clock, 0);
    expect(told).toBe(true);
    checks.close();
    expect(BAD.kind).toBe('failure');
  });

  it('looks at the edge as often as it is told', async () => {
    results.push(OK, LOST, LOST);
    const { clock, host, checks } = setUp({ unhealthy_edge_interval: SECOND });
    await step(clock, 0);
    await step(clock, 10_000);
    await step(clock, 1000);
    expect(host.availability).toBe('unhealthy');
    checks.close();
  });
});
