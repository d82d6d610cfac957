import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson } from '../../cli/mesh/http.js';
import { weft } from '../support/demo-process.js';
import { findEnvoy } from '../support/envoy.js';
import { gone, processesWith } from '../support/processes.js';
import { EnvoyBookinfo, get, run } from './bookinfo.js';

const envoy = findEnvoy();

interface Certs {
  readonly certificates: readonly { readonly cert_chain: readonly { readonly serial_number: string }[] }[];
}

describe.skipIf(envoy === undefined)('`weft agent` and its Envoy (skipped where there is none)', () => {
  const bookinfo = new EnvoyBookinfo();
  const { mesh } = bookinfo;

  beforeAll(() => bookinfo.start(envoy ?? '', ['--cert-ttl', '10s']));
  afterAll(() => mesh.dispose());

  const serials = async (): Promise<string[]> => {
    const { certificates } = await getJson<Certs>(`${bookinfo.envoyAdmin}/certs`);
    return certificates.flatMap(({ cert_chain: chain }) => chain.map(({ serial_number: serial }) => serial));
  };

  /** Where the Envoy that the agent started has its bootstrap. */
  const bootstrapPath = (): string =>
    [...mesh.log]
      .reverse()
      .join('\n')
      .match(/^agent: (\S+bootstrap\.json)$/m)?.[1] ?? 'none';

  const exitOf = (child: typeof bookinfo.agent): Promise<number | null> =>
    child.exitCode === null && child.signalCode === null
      ? new Promise((done) => child.once('exit', done))
      : Promise.resolve(child.exitCode);

  it('renews certificates of ten seconds without a failed request', async () => {
    const seen = new Set<string>();
    const failures: string[] = [];
    const until = Date.now() + 25_000;
    let requests = 0;
    while (Date.now() < until) {
      const { status, body } = await get(bookinfo.productpage, 'http://reviews:9080/reviews/0');
      requests++;
      if (status !== 200 || !body.includes('"stars":5')) failures.push(`${status} ${body}`);
      for (const serial of requests % 20 === 1 ? await serials() : []) seen.add(serial);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(200);
    // The root, and at least three pairs: one to begin with, and one every five to eight seconds.
    expect(seen.size).toBeGreaterThanOrEqual(4);
  });

  it('ends with its Envoy', async () => {
    const path = bootstrapPath();
    const [pid] = processesWith(path).filter((found) => found !== bookinfo.agent.pid);
    expect(pid).toBeDefined();
    for (const found of processesWith(path)) if (found !== bookinfo.agent.pid) process.kill(found, 'SIGKILL');
    expect(await exitOf(bookinfo.agent)).toBe(1);
    expect(mesh.log.join('\n')).toMatch(/agent: .*envoy ended with code/);
    await gone(path);
  });

  it('takes its Envoy with it, by a signal and by its own death', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await bookinfo.startAgent(envoy ?? '');
      const path = bootstrapPath();
      bookinfo.agent.kill(signal);
      expect(await exitOf(bookinfo.agent)).toBe(signal === 'SIGTERM' ? 0 : null);
      await gone(path);
    }
  });

  it('says it when there is no control plane', async () => {
    const nothing = await run(process.execPath, [weft, 'agent', 'reviews-v2', '--state', `${mesh.folder}/none`]);
    expect([nothing.code, nothing.out]).toEqual([
      2,
      expect.stringContaining('no control plane runs on the state folder'),
    ]);
  });

  it('says it when the control plane is dead, and when Envoy is not there', async () => {
    const other = new EnvoyBookinfo();
    try {
      const file = await other.mesh.start({ 'workloads.yaml': WORKLOAD });
      const args = [weft, 'agent', 'a', '--state', other.mesh.state];
      const missing = await run(process.execPath, [...args, '--envoy', '/nowhere/envoy']);
      expect([missing.code, missing.out]).toEqual([1, expect.stringContaining('/nowhere/envoy')]);
      process.kill(file.pid, 'SIGKILL');
      await other.mesh.until('its death', async () => {
        if (processesWith(`--state\0${other.mesh.state}`).length > 0) throw new Error('alive');
      });
      const dead = await run(process.execPath, args);
      expect([dead.code, dead.out]).toEqual([2, expect.stringMatching(/the control plane of .* does not answer/)]);
    } finally {
      await other.mesh.dispose();
    }
  });
});

const WORKLOAD = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a, namespace: default }
spec: { address: 127.0.0.1, ports: { http: 9 }, labels: { app: a } }
`;
