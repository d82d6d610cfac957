import { expect, it } from 'vitest';
import { ask, share } from './calls.js';
import { apply, kubectl, MESH, onePod, PLAIN, page, remove, SYSTEM, until } from './cluster.js';
import { peerAuthentication } from './fixtures.js';
import { watchWire } from './wire.js';

const REVIEWS = `http://reviews.${MESH}:9080/reviews/0`;

/** The sample: encrypted between all pods, and who may come without a certificate. */
export function sample(): void {
  it('serves the product page through sidecars', async () => {
    const { answers } = await ask({ url: 'http://productpage:9080/productpage', count: 20 });
    expect(answers).toEqual({ '200': 20 });
  });

  it('speaks mTLS between all pods, as their sidecars count', async () => {
    const apps = ['productpage', 'details', 'reviews', 'ratings'];
    for (const app of apps) {
      const pod = await onePod(`app=${app}`);
      const text = await until(`metrics of ${app}`, async () => {
        await ask({ url: 'http://productpage:9080/productpage', count: 10 });
        const metrics = await page(MESH, pod.metadata.name, 'istio-proxy', 'http://127.0.0.1:15020/stats/prometheus');
        return /istio_requests_total\{.*reporter="destination"/.test(metrics) && metrics;
      });
      const inbound = text.split('\n').filter((line) => /^istio_requests_total\{.*reporter="destination"/.test(line));
      for (const line of inbound) {
        expect(line).toContain('connection_security_policy="mutual_tls"');
        expect(line).toMatch(new RegExp(`source_principal="spiffe://cluster.local/ns/${MESH}/sa/`));
      }
    }
  });

  it('shows nothing but TLS on the wire between pods', async () => {
    const wire = await watchWire('tcp port 9080', () => ask({ url: 'http://productpage:9080/productpage', count: 30 }));
    expect(wire.plaintext).toEqual([]);
    expect(wire.tlsRecords).toBeGreaterThan(60);
  });

  it('takes plain text from a pod without a sidecar under PERMISSIVE, and the wire shows it', async () => {
    await apply(peerAuthentication('PERMISSIVE'));
    let answers: object = {};
    const wire = await watchWire('tcp port 9080', async () => {
      ({ answers } = await ask({ url: `http://details.${MESH}:9080/details/0`, count: 10 }, 'deploy/outsider', PLAIN));
    });
    expect(answers).toEqual({ '200': 10 });
    expect(wire.plaintext).toContain('GET /details/0 HTTP/1.1');
  });

  it('refuses plain text under STRICT, while the mesh goes on', async () => {
    await apply(peerAuthentication('STRICT'));
    const outside = await until('the refusal', async () => {
      const tally = await ask({ url: REVIEWS, count: 10 }, 'deploy/outsider', PLAIN);
      return share(tally, /^\d/) === 0 && tally;
    });
    expect(Object.keys(outside.answers)).toEqual(['ECONNRESET']);
    const { answers } = await ask({ url: 'http://productpage:9080/productpage', count: 20 });
    expect(answers).toEqual({ '200': 20 });
    // Probes go on under STRICT: every pod is still ready.
    const waiting = await kubectl('get', 'pods', '-n', MESH, '--field-selector=status.phase!=Running', '-o', 'name');
    expect(waiting).toBe('');
    await remove(peerAuthentication('STRICT'));
  });

  it('is reached through the ingress gateway, encrypted from there on', async () => {
    const gateway = { url: `http://istio-ingressgateway.${SYSTEM}/productpage`, count: 10 };
    await until('the page', async () => share(await ask(gateway, 'deploy/outsider', PLAIN), /^200/) === 1);
    const wire = await watchWire('tcp port 9080', () => ask(gateway, 'deploy/outsider', PLAIN));
    expect(wire.plaintext).toEqual([]);
    expect(wire.tlsRecords).toBeGreaterThan(20);
  });

  it('lets a pod in the mesh call one outside', async () => {
    const source = "require('http').createServer((q,s)=>s.end('{\"podname\":\"outside\"}')).listen(8080,'::')";
    const pod = await onePod('app=outsider', PLAIN);
    const start = `require('child_process').spawn(process.execPath,['-e',${JSON.stringify(source)}],{detached:true,stdio:'ignore'}).unref()`;
    await kubectl('exec', '-n', PLAIN, pod.metadata.name, '--', 'node', '-e', start);
    const tally = await until('an answer', async () => {
      const found = await ask({ url: `http://${pod.status.podIP}:8080/`, count: 5 });
      return share(found, /^200 outside/) === 1 && found;
    });
    expect(tally.answers).toEqual({ '200 outside': 5 });
  });
}
