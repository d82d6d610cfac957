import { request } from 'node:https';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { Issuer } from '../ca/issuer.js';
import { makeRoot } from '../ca/root.js';
import { defaultInjectionConfig } from './inject/config.js';
import { webhookMetrics } from './metrics.js';
import { WebhookServer } from './server.js';
import { testAuthority } from './testing/authority.js';

const log = createLogger('test', 'silent');
const registry = new Registry();
let issuer: Issuer;
let server: WebhookServer;
let port: number;

beforeAll(async () => {
  const options = { defaultTtlSeconds: 60, maxTtlSeconds: 600 };
  issuer = new Issuer(testAuthority(await makeRoot({ organization: 'test' }, systemClock)), options, systemClock);
  server = new WebhookServer({
    issuer,
    dnsNames: ['weft-control-plane.istio-system.svc'],
    addresses: ['127.0.0.1'],
    injection: defaultInjectionConfig({ image: 'weft-proxy:test' }),
    configuration: () => undefined,
    events: webhookMetrics(registry),
    clock: systemClock,
    log,
  });
  port = await server.listen('127.0.0.1', 0);
});

afterAll(() => server.close());

interface Reply {
  readonly status: number;
  readonly body: string;
}

function call(path: string, body: string, method = 'POST', ca = issuer.authority.roots): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, ca, agent: false };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function review(object: unknown, namespace = 'default'): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u1', namespace, operation: 'CREATE', object },
  });
}

async function ask(path: string, object: unknown, namespace?: string): Promise<Record<string, unknown>> {
  const { status, body } = await call(path, review(object, namespace));
  expect(status).toBe(200);
  return (JSON.parse(body) as { response: Record<string, unknown> }).response;
}

const pod = (annotations: Record<string, string> = {}, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', annotations },
  spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
});

describe('webhook server', () => {
  it('patches a pod', async () => {
    const answer = await ask('/inject', pod());
    expect(answer).toMatchObject({ uid: 'u1', allowed: true, patchType: 'JSONPatch' });
    const patch = Buffer.from(String(answer['patch']), 'base64').toString();
    expect(patch).toContain('istio-proxy');
    expect(JSON.parse(patch)).toContainEqual(expect.objectContaining({ op: 'add', path: '/spec/initContainers' }));
  });

  it('takes the path that Istio gives to other clusters', async () => {
    expect(await ask('/inject/cluster/one/net/two', pod())).toMatchObject({ allowed: true });
  });

  it.each([
    ['on the network of its host', pod({}, { hostNetwork: true }), 'default'],
    ['that does not want it', pod({ 'sidecar.istio.io/inject': 'false' }), 'default'],
    ['of the control plane', pod(), 'istio-system'],
  ])('lets a pod %s in as it is', async (_what, object, namespace) => {
    expect(await ask('/inject', object, namespace)).toEqual({ uid: 'u1', allowed: true });
  });

  it('does not let a pod in that it cannot inject', async () => {
    const bad = await ask('/inject', pod({ 'sidecar.istio.io/interceptionMode': 'SOME' }));
    expect(bad).toMatchObject({ allowed: false, status: { message: expect.stringContaining('interceptionMode') } });
    expect(await ask('/inject', { kind: 'Pod' })).toMatchObject({ allowed: false });
  });

  it('tells what has no effect', async () => {
    const answer = await ask('/inject', pod({ 'sidecar.istio.io/bootstrapOverride': 'x' }));
    expect(answer['warnings']).toEqual([expect.stringContaining('bootstrapOverride')]);
  });

  it('validates', async () => {
    const service = (http: unknown): object => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'v' },
      spec: { hosts: ['a'], http },
    });
    const bad = await ask('/validate', service([{ route: [{ destination: { host: 'a' }, weight: -1 }] }]));
    expect(bad).toMatchObject({
      allowed: false,
      status: { message: expect.stringContaining('spec.http[0].route[0].weight') },
    });
    expect(await ask('/validate', service([{ route: [{ destination: { host: 'a' } }] }]))).toMatchObject({
      allowed: true,
    });
  });

  it('refuses what is no review', async () => {
    expect((await call('/inject', '{}')).status).toBe(400);
    expect((await call('/inject', '', 'GET')).status).toBe(405);
    expect((await call('/else', review(pod()))).status).toBe(404);
    expect((await call('/inject', ' '.repeat(9 * 1024 * 1024)).catch(() => ({ status: 413 }))).status).toBe(413);
  });

  it('counts', async () => {
    const text = await registry.metrics();
    expect(text).toMatch(/sidecar_injection_success_total [1-9]/);
    expect(text).toMatch(/sidecar_injection_skip_total 3/);
    expect(text).toMatch(/sidecar_injection_failure_total 2/);
    expect(text).toContain('galley_validation_failed{group="networking.istio.io",resource="VirtualService"');
  });

  it('shows the certificate of a new authority without a restart', async () => {
    const earlier = issuer.authority.roots;
    issuer.replace(testAuthority(await makeRoot({ organization: 'other' }, systemClock)));
    await expect.poll(async () => (await call('/else', '').catch(() => ({ status: 0 }))).status).toBe(404);
    await expect(call('/else', '', 'POST', earlier)).rejects.toThrow();
  });
});
