import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Codec, oneSidecar, type Sidecars } from './pair.js';
import { program, run } from './programs.js';

const h2spec = program('h2spec');
const CASES = 145;

/** Cases that do not hold, each with the reason that docs/suites.md gives. */
const MISSES: Readonly<Record<Codec, readonly string[]>> = { AUTO: ['Sends invalid connection preface'], HTTP2: [] };

const app = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end('x'.repeat(2000)));
});
const sidecars: Sidecars[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const sidecar of sidecars) await sidecar.stop();
  app.closeAllConnections();
  app.close();
});

it.skipIf(h2spec === undefined).each(['AUTO', 'HTTP2'] as const)(
  'h2spec: the HTTP/2 side of a sidecar whose listener takes %s',
  async (codec) => {
    const sidecar = await oneSidecar((app.address() as AddressInfo).port, 'http1', codec);
    sidecars.push(sidecar);
    const { output } = await run(h2spec!, ['-h', '127.0.0.1', '-p', String(sidecar.port), '-o', '3'], 60_000);
    const failed = [...output.matchAll(/^\s*× (?:\d+: )?(.*)$/gm)].map(([, name]) => name?.trim() ?? '');
    const summary = /(\d+) tests, (\d+) passed/.exec(output);
    expect(Number(summary?.[1]), output.slice(-2000)).toBe(CASES);
    expect([...new Set(failed)].filter((name) => !MISSES[codec].includes(name))).toEqual([]);
    expect(Number(summary?.[2])).toBeGreaterThanOrEqual(CASES - MISSES[codec].length);
  },
);
