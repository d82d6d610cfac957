import { expect, it } from 'vitest';
import { ask, Load, share } from './calls.js';
import { apply, kubectl, MESH, onePod, page, pause, rolledOut, until } from './cluster.js';
import { deployment, idle, peerAuthentication, service, TOOLS_IMAGE, WHO } from './fixtures.js';
import { envoyProgram } from './installing.js';
import { watchWire } from './wire.js';

/** ProxyConfig of a pod whose certificates live for 20 s. */
const BRIEF = `{proxy.istio.io/config: '{"proxyMetadata": {"SECRET_TTL": "20s"}}'}`;
const HTTP = '{name: http, port: 8080}';

async function serial(app: string): Promise<string> {
  const { name } = (await onePod(`app=${app}`)).metadata;
  const certificates = await page(MESH, name, 'istio-proxy', 'http://127.0.0.1:15000/certs');
  return /"serial_number":\s*"([^"]+)"(?![\s\S]*"serial_number")/.exec(certificates)?.[1] ?? '';
}

/** Certificates that end soon, and other kinds of sidecars. */
export function identity(): void {
  it('renews short-lived certificates on both sides without a failed request', async () => {
    await apply(peerAuthentication('STRICT'));
    await apply(`${deployment('brief', WHO, BRIEF)}---${service('brief', HTTP)}---${idle('brief-client', BRIEF)}`);
    await rolledOut(MESH, 'deploy/brief', 'deploy/brief-client');
    const call = { url: 'http://brief:8080/' };
    await until('an answer', async () => share(await ask(call, 'deploy/brief-client'), /mtls$/) === 1);
    const before = await Promise.all(['brief', 'brief-client'].map(serial));
    const load = new Load(call, 'deploy/brief-client');
    // Longer than two lifetimes: what is not renewed ends within.
    await pause(45_000);
    const tally = await load.stop();
    const after = await Promise.all(['brief', 'brief-client'].map(serial));
    expect(tally.failures).toEqual([]);
    expect(share(tally, /^200 brief-.* mtls$/)).toBe(1);
    for (const [index, first] of before.entries()) expect(after[index]).not.toBe(first);
    // Connections that are made now have new certificates too.
    expect(share(await ask({ ...call, count: 20, concurrency: 10 }), /^200 brief-.* mtls$/)).toBe(1);
    await kubectl('delete', '-n', MESH, 'deploy/brief', 'deploy/brief-client', 'svc/brief', '--wait=false');
  });

  it('works in pods that have the sidecar as an ordinary container', async () => {
    const legacy = deployment('legacy', WHO, '{sidecar.istio.io/nativeSidecar: "false"}');
    await apply(`${legacy}---${service('legacy', HTTP)}`);
    await rolledOut(MESH, 'deploy/legacy');
    const names = await kubectl(
      'get',
      'pods',
      '-n',
      MESH,
      '-l',
      'app=legacy',
      '-o',
      'jsonpath={.items[0].spec.containers[*].name}',
    );
    expect(names).toBe('istio-proxy app');
    await until('an answer', async () => share(await ask({ url: 'http://legacy:8080/', count: 5 }), /mtls$/) === 1);
    const { answers } = await ask({ url: 'http://details:9080/details/0', count: 10 }, 'deploy/legacy');
    expect(answers).toEqual({ '200': 10 });
    await kubectl('delete', '-n', MESH, 'deploy/legacy', 'svc/legacy', '--wait=false');
  });

  it.skipIf(envoyProgram() === undefined)('has a real Envoy in the sidecar’s place of one pod', async () => {
    const envoy = deployment('envoy', WHO, `{sidecar.istio.io/proxyImage: ${TOOLS_IMAGE}}`);
    await apply(`${envoy}---${service('envoy', HTTP)}`);
    await rolledOut(MESH, 'deploy/envoy');
    const { name } = (await onePod('app=envoy')).metadata;
    expect(await page(MESH, name, 'istio-proxy', 'http://127.0.0.1:15000/server_info')).toMatch(/"state":\s*"LIVE"/);
    await until('an answer', async () => share(await ask({ url: 'http://envoy:8080/', count: 5 }), /mtls$/) === 1);
    const wire = await watchWire('tcp port 8080 or tcp port 9080', async () => {
      expect(share(await ask({ url: 'http://envoy:8080/', count: 20 }), /^200 envoy-.* mtls$/)).toBe(1);
      const { answers } = await ask({ url: 'http://details:9080/details/0', count: 20 }, 'deploy/envoy');
      expect(answers).toEqual({ '200': 20 });
    });
    expect(wire.plaintext).toEqual([]);
    await kubectl('delete', '-n', MESH, 'deploy/envoy', 'svc/envoy', '--wait=false');
  });
}
