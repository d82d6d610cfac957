import { expect, it } from 'vitest';
import { envoyProgram } from '../../bin/images.mjs';
import { ask, share } from './calls.js';
import { apply, kubectl, MESH, onePod, page, rolledOut, until } from './cluster.js';
import { deployment, service, TOOLS_IMAGE, WHO } from './fixtures.js';
import { watchWire } from './wire.js';

const HTTP = '{name: http, port: 8080}';

/** Other kinds of sidecars. */
export function identity(): void {
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
