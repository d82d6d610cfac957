import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { adminUrl } from '../../cli/mesh/workloads.js';
import { FieldMesh, serviceOf } from '../support/field-mesh.js';

const ARGS = ['--cert-ttl', '10s'];
const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;

const field = new FieldMesh();
let admin = '';
beforeAll(async () => {
  const workloads = [
    { name: 'client', labels: { app: 'client' } },
    { name: 'shop', labels: { app: 'shop' } },
    // Has no connection to anybody while the control plane is there.
    { name: 'late', labels: { app: 'late' } },
  ];
  await field.start(workloads, { 'services.yaml': serviceOf('shop'), 'mesh.yaml': STRICT }, '', ARGS);
  admin = adminUrl(await field.mesh.workload('shop'));
});
afterAll(() => field.dispose());

const call = async (from: string): Promise<number> => (await field.call({ from, host: 'shop', fresh: true })).status;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Value of a metric of the sidecar of shop. */
async function metric(name: string): Promise<number> {
  const text = await getText(`${admin}/stats/prometheus`);
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1),
  );
}

async function readiness(): Promise<string> {
  const answer = await fetch(`${admin}/ready`);
  return `${answer.status} ${await answer.text()}`;
}

async function kill(): Promise<void> {
  const gone = new Promise((resolve) => field.mesh.process('control-plane').once('exit', resolve));
  field.mesh.process('control-plane').kill('SIGKILL');
  await gone;
}

describe('a control plane that is down, with ten-second certificates', () => {
  it('costs nothing before a certificate ends', async () => {
    // A certificate of more than eight seconds: half of its life may pass.
    await field.mesh.until('a fresh certificate', async () =>
      expect(await metric('istio_agent_cert_expiry_seconds{resource_name="default"}')).toBeGreaterThan(8),
    );
    await kill();
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) {
      statuses.push(await call('client'));
      await pause(100);
    }
    expect(statuses).toEqual(statuses.map(() => 200));
    expect(await readiness()).toBe('200 LIVE\n');
  });

  it('is told by log, metric and readiness once a certificate has ended, and heals by itself', async () => {
    await field.mesh.until('the end of the certificate', async () => {
      expect(await readiness()).toMatch(
        /^503 .*\nthe certificate of this workload has expired \(20.*Z\); the CA: .+\n$/,
      );
      expect(await metric('istio_agent_cert_expiry_seconds{resource_name="default"}')).toBeLessThan(0);
    });
    const told = field.mesh.log.filter((line) => /sidecar shop.*"level":"?(50|error)/.test(line));
    expect(told.some((line) => line.includes('the certificate of this workload has expired'))).toBe(true);
    // Connections that were there may live on; a new one proves nothing any more.
    await field.mesh.until('a refused request', async () => expect(await call('late')).toBe(503));
    field.mesh.startControlPlane(ARGS);
    await field.mesh.until(
      'healing',
      async () => {
        expect(await call('late')).toBe(200);
        expect(await readiness()).toBe('200 LIVE\n');
      },
      60_000,
    );
    expect(field.mesh.log.some((line) => line.includes('there is a certificate again'))).toBe(true);
  });
});
