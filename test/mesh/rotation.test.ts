import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson } from '../../cli/mesh/http.js';
import { splitCertificates } from '../../common/identity/pem.js';
import type { CaReport } from '../../control-plane/ca/report.js';
import { weft } from '../support/demo-process.js';
import { all, FieldMesh, serviceOf } from '../support/field-mesh.js';

const ARGS = ['--cert-ttl', '10s', '--rotation-settle', '4s'];
const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;

const field = new FieldMesh();
beforeAll(async () => {
  const workloads = [
    { name: 'client', labels: { app: 'client' } },
    { name: 'shop', labels: { app: 'shop' } },
    { name: 'stock', labels: { app: 'stock' } },
  ];
  const services = all(serviceOf('shop'), serviceOf('stock'), serviceOf('client'));
  await field.start(workloads, { 'services.yaml': services, 'mesh.yaml': STRICT }, '', ARGS);
});
afterAll(() => field.dispose());

function report(): Promise<CaReport> {
  return getJson<CaReport>(`${field.mesh.controlPlane().debugUrl}/debug/ca`);
}

/** The rotation's step as the control plane sees it; undefined when none is under way, or nobody answers. */
async function step(): Promise<string | undefined> {
  return (await report()).rotation?.step;
}

/** Requests over fresh mTLS connections and old ones, until `stop`; says what was not answered with 200. */
class Load {
  readonly failures: string[] = [];
  sent = 0;
  private on = true;
  private readonly running: Promise<void>[];

  constructor() {
    const pairs = [
      ['client', 'shop'],
      ['shop', 'stock'],
      ['stock', 'client'],
    ] as const;
    this.running = pairs.map(([from, to]) => this.call(from, to));
  }

  async stop(): Promise<void> {
    this.on = false;
    await Promise.all(this.running);
  }

  private async call(from: string, host: string): Promise<void> {
    while (this.on) {
      this.sent++;
      try {
        const { status, body } = await field.call({ from, host, fresh: this.sent % 3 === 0 });
        if (status !== 200) this.failures.push(`${from} → ${host}: ${status} ${body}`);
      } catch (error) {
        this.failures.push(`${from} → ${host}: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function rotate(...args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, [weft, 'ca', 'rotate-root', '--state', field.mesh.state, ...args]);
}

/** Kills the control plane as a crash would, and starts another on the same folders. */
async function crash(): Promise<void> {
  const gone = new Promise((resolve) => field.mesh.process('control-plane').once('exit', resolve));
  field.mesh.process('control-plane').kill('SIGKILL');
  await gone;
  field.mesh.startControlPlane(ARGS);
  await field.mesh.until('the control plane again', report);
}

describe('rotation of the root, with ten-second certificates under steady load', () => {
  it('goes through all steps by one command', async () => {
    const before = await report();
    const load = new Load();
    const { stdout } = await rotate();
    // Long enough for every connection's certificates to be renewed once more.
    await new Promise((resolve) => setTimeout(resolve, 8000));
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent).toBeGreaterThan(500);
    expect(stdout).toMatch(/step 1 of 3[\s\S]*step 2 of 3[\s\S]*Done/);
    const after = await report();
    expect(after.roots).toHaveLength(1);
    expect(after.roots[0]?.sha256).not.toBe(before.roots[0]?.sha256);
    expect(after.proxies.map(({ roots, certificate }) => [roots, certificate])).toEqual(
      Array.from({ length: 3 }, () => ['current', 'current']),
    );
    expect(splitCertificates(readFileSync(join(field.mesh.state, 'ca', 'root.pem'), 'utf8'))).toHaveLength(1);
  });

  it('goes on where it was after a crash of the control plane in each step', async () => {
    const before = await report();
    const load = new Load();
    await rotate('--no-wait');
    const first = await field.mesh.until('step 1', async () => {
      const { rotation } = await report();
      if (rotation?.step !== 'trust') throw new Error(`it is ${rotation?.step}`);
      return rotation.id;
    });
    await crash();
    expect((await report()).rotation).toMatchObject({ id: first, step: 'trust' });
    await field.mesh.until('step 2', async () => expect(await step()).toBe('sign'));
    await crash();
    expect((await report()).rotation).toMatchObject({ id: first, step: 'sign' });
    await field.mesh.until('the end', async () => expect(await step()).toBeUndefined(), 60_000);
    await crash();
    await field.mesh.until('everybody back', async () => expect((await report()).proxies).toHaveLength(3), 60_000);
    await load.stop();
    expect(load.failures).toEqual([]);
    const after = await report();
    expect(after.roots.map(({ sha256 }) => sha256)).not.toContain(before.roots[0]?.sha256);
  });

  it('is called off without a trace, also after the new root has signed', async () => {
    const before = await report();
    const load = new Load();
    await rotate('--no-wait');
    await field.mesh.until('step 2', async () => expect(await step()).toBe('sign'), 60_000);
    const { stdout } = await rotate('--abort');
    await load.stop();
    expect(stdout).toMatch(/called off[\s\S]*Done/);
    expect(load.failures).toEqual([]);
    const after = await report();
    expect(after.roots.map(({ sha256 }) => sha256)).toEqual(before.roots.map(({ sha256 }) => sha256));
  });

  it('refuses a second one, and says what is under way', async () => {
    // As long as one proxy does not answer, no step ends.
    const silent = field.mesh.process('sidecar stock');
    silent.kill('SIGSTOP');
    try {
      await rotate('--no-wait');
      await expect(rotate('--no-wait')).rejects.toThrow(/a rotation is under way already/);
      await rotate('--abort', '--no-wait');
    } finally {
      silent.kill('SIGCONT');
    }
    await field.mesh.until('the end', async () => expect(await step()).toBeUndefined(), 60_000);
  });
});
