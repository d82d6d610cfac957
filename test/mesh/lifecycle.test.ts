import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { serveDetails } from '../../cli/bookinfo/details-grpc.js';
import { freePorts } from '../../cli/demo/free-ports.js';
import { count, DemoProcess, weft } from '../support/demo-process.js';
import { childrenWith, gone, processesWith } from '../support/processes.js';

const READY_MS = 90_000;
const linux = existsSync('/proc/self/cmdline');

describe('the demo’s processes', () => {
  let demo: DemoProcess;
  afterEach(() => demo.dispose());

  const flowing = (): Promise<unknown> =>
    demo.until('traffic', (line) => count(line, 'productpage-v1', 'details-v1') > 20, READY_MS);

  it('ends by itself after --duration, with exit code 0', async () => {
    demo = new DemoProcess(['--duration', '5s']);
    expect(await demo.exited(READY_MS)).toBe(0);
    expect(demo.last?.requests).toBeGreaterThan(100);
    expect(demo.last?.failures).toEqual({ asked: 0, unasked: 0 });
  });

  it('starts nothing for a workload that is elsewhere, and goes on without it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-elsewhere-'));
    const own = Object.values(networkInterfaces()).flatMap((all) =>
      (all ?? []).flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal ? address : [])),
    );
    const addresses = { near: '127.0.0.1', far: '192.0.2.7', ...(own[0] !== undefined && { lan: own[0] }) };
    for (const [name, address] of Object.entries(addresses))
      writeFileSync(
        join(folder, `${name}.yaml`),
        `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: default}
spec: {address: ${address}, ports: {http: 19080}, labels: {app: ${name}}}
`,
      );
    demo = new DemoProcess(['--config', folder, '--duration', '2s']);
    expect(await demo.exited(READY_MS)).toBe(0);
    const said = demo.lines.flatMap(({ notices }) => notices);
    expect(said.filter((line) => line.includes(' is elsewhere'))).toEqual([
      'far is elsewhere: 192.0.2.7 is no address of this machine, so nothing is started for it.',
    ]);
    expect(existsSync(join(demo.state, 'logs', 'sidecar-near.log'))).toBe(true);
    expect(existsSync(join(demo.state, 'logs', 'sidecar-far.log'))).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it.skipIf(!linux)('leaves no process behind on SIGTERM', async () => {
    demo = new DemoProcess();
    await flowing();
    expect(await demo.stop()).toBe(0);
    await gone(demo.home);
  });

  it.skipIf(!linux)('leaves no process and no failed request behind on Ctrl-C', async () => {
    demo = new DemoProcess();
    await flowing();
    expect(await demo.interrupt()).toBe(0);
    expect(demo.last?.failures).toEqual({ asked: 0, unasked: 0 });
    await gone(demo.home);
  });

  it.skipIf(!linux)('leaves no process behind when it is killed', async () => {
    demo = new DemoProcess();
    await flowing();
    expect(processesWith(demo.home).length).toBeGreaterThan(7);
    demo.child.kill('SIGKILL');
    await gone(demo.home);
  });

  it.skipIf(!linux)('starts a killed application again, and the mesh retries around it', async () => {
    demo = new DemoProcess();
    await flowing();
    const [pid] = childrenWith(demo.child.pid, `--service${'\0'}details`);
    expect(pid).toBeDefined();
    process.kill(pid!, 'SIGKILL');
    await demo.until(
      'the application down',
      (line) =>
        line.down.includes('app details-v1') ||
        line.notices.some((notice) => notice.includes('app details-v1 is down')),
    );
    const back = await demo.until('the application back', (line) => line.down.length === 0);
    const before = count(back, 'productpage-v1', 'details-v1', 200);
    await demo.until(
      'successful requests again',
      (line) => count(line, 'productpage-v1', 'details-v1', 200) > before + 50,
    );
  });

  it.skipIf(!linux)('loses no request while the control plane is away', async () => {
    demo = new DemoProcess();
    await flowing();
    const [pid] = processesWith(`control-plane${'\0'}--config${'\0'}${demo.config}`);
    expect(pid).toBeDefined();
    process.kill(pid!, 'SIGKILL');
    const away = await demo.until('the control plane down', (line) => line.down.includes('control-plane'));
    const back = await demo.until(
      'the control plane back',
      (line) => line.elapsedMs > away.elapsedMs && line.down.length === 0,
    );
    const later = await demo.until('more traffic', (line) => line.requests > back.requests + 300);
    expect(later.failures).toEqual({ asked: 0, unasked: 0 });
    demo.write(
      'routes.yaml',
      demo.read('routes.yaml').replace('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 100'),
    );
    await demo.until(
      'an edit to take effect again',
      (line) => count(line, 'productpage-v1', 'reviews-v2') > count(later, 'productpage-v1', 'reviews-v2') + 100,
    );
    expect(await demo.stop()).toBe(0);
  });

  it('adds an endpoint while traffic flows without a failed request', async () => {
    demo = new DemoProcess(['--rps', '60']);
    await flowing();
    const [http = 0, grpc = 0] = await freePorts(2);
    const stop = await serveDetails('127.0.0.1', grpc);
    try {
      demo.write(
        'second.yaml',
        `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: details-second, namespace: default }\nspec: { address: 127.0.0.1, ports: { http: ${http}, grpc: ${grpc} }, labels: { app: details, version: v2 }, serviceAccount: bookinfo-details }\n`,
      );
      const line = await demo.until(
        'the new endpoint',
        (state) => count(state, 'productpage-v1', 'details-second', 200) > 50,
      );
      expect(line.failures).toEqual({ asked: 0, unasked: 0 });
      demo.remove('second.yaml');
      const before = demo.last?.requests ?? 0;
      const later = await demo.until('traffic without it', (state) => state.requests > before + 600);
      expect(later.failures).toEqual({ asked: 0, unasked: 0 });
      expect(await demo.stop()).toBe(0);
    } finally {
      stop();
    }
  });

  it('renews 10-second certificates for two minutes without a failed request', async () => {
    demo = new DemoProcess(['--cert-ttl', '10s', '--duration', '120s']);
    expect(await demo.exited(READY_MS + 130_000)).toBe(0);
    expect(demo.last?.failures).toEqual({ asked: 0, unasked: 0 });
  });

  it('keeps the root key to its owner', async () => {
    demo = new DemoProcess();
    await flowing();
    expect(statSync(join(demo.state, 'ca', 'root.key')).mode & 0o777).toBe(0o600);
  });

  it('says which flag npm swallowed', () => {
    demo = new DemoProcess(['--duration', '1s']);
    const run = spawnSync(process.execPath, [weft, 'demo', '20s'], { encoding: 'utf8' });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('npm start -- --duration 20s');
  });
});
