import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { meshConfigOf } from '../../api/kinds/index.js';
import { objectKey } from '../../api/object.js';
import { FakeApiServer } from '../../kubernetes/testing/fake-api-server.js';
import type { ConfigSet } from '../source.js';
import { KubernetesSource } from './kubernetes-source.js';

const PODS = '/api/v1/pods';
const SERVICES = '/api/v1/services';
const SECRETS = '/api/v1/secrets';
const CONFIG_MAPS = '/api/v1/configmaps';
const CORE = [
  '/api/v1/namespaces',
  '/api/v1/nodes',
  SERVICES,
  PODS,
  SECRETS,
  CONFIG_MAPS,
  '/apis/discovery.k8s.io/v1/endpointslices',
];
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const POLICIES = '/apis/security.istio.io/v1/authorizationpolicies';
const ROUTES = '/apis/networking.istio.io/v1/virtualservices';
const GATEWAYS = '/apis/networking.istio.io/v1/gateways';

function object(apiVersion: string, kind: string, namespace: string, name: string, rest: object = {}) {
  return { apiVersion, kind, metadata: { name, namespace }, ...rest };
}

const policy = (spec: object) => object('security.istio.io/v1', 'AuthorizationPolicy', 'default', 'deny', { spec });
const route = (spec: object) => object('networking.istio.io/v1', 'VirtualService', 'default', 'reviews', { spec });
const ROUTE = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] };

describe('KubernetesSource', () => {
  let server: FakeApiServer;
  let source: KubernetesSource | undefined;
  let sets: ConfigSet[];

  beforeEach(async () => {
    server = new FakeApiServer();
    sets = [];
    await server.start();
    server.define(...CORE, CRDS);
  });
  afterEach(async () => {
    await source?.stop();
    await server.stop();
  });

  function start(rootNamespace?: string): Promise<void> {
    source = new KubernetesSource({
      api: server.client(),
      ...(rootNamespace !== undefined && { rootNamespace }),
      log: pino({ level: 'silent' }),
      limits: { baseMs: 5, maxMs: 40, absentMs: 60_000 },
    });
    return source.start((set) => sets.push(set));
  }

  const last = (): ConfigSet => sets.at(-1) ?? { objects: new Map(), findings: [], unreadablePolicies: [] };
  const kinds = () => [...last().objects.values()].map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
  const eventually = (check: () => void) => vi.waitFor(check, 10_000);

  it('gives its first set when every kind is complete, without those that are not defined', async () => {
    server.put(SERVICES, object('v1', 'Service', 'default', 'reviews', { spec: { ports: [{ port: 80 }] } }));
    server.put(PODS, object('v1', 'Pod', 'default', 'p', { spec: { containers: [{ name: 'app' }] } }));
    await start();
    expect(sets).toHaveLength(1);
    expect(kinds()).toEqual(['Pod p', 'Service reviews']);
    expect(last().findings).toEqual([]);
  });

  it('finds the settings of the mesh in a root namespace of another name', async () => {
    server.put(
      CONFIG_MAPS,
      object('v1', 'ConfigMap', 'mesh', 'istio', { data: { mesh: 'trustDomain: mesh.example' } }),
    );
    await start('mesh');
    expect(last()).toMatchObject({ rootNamespace: 'mesh', findings: [] });
    expect(meshConfigOf(last().objects, 'mesh')).toEqual({ trustDomain: 'mesh.example' });
  });

  it('waits with its first set for a kind that cannot be listed yet', async () => {
    server.undefine(PODS);
    const started = start();
    await eventually(() => expect(server.requests.filter((line) => line === `LIST ${PODS}`).length).toBeGreaterThan(2));
    expect(sets).toEqual([]);
    server.define(PODS);
    await started;
    expect(sets).toHaveLength(1);
  });

  it('keeps every object that did not change, and says nothing about changes that nobody reads', async () => {
    server.put(PODS, object('v1', 'Pod', 'default', 'a', { spec: { containers: [{ name: 'app' }] } }));
    server.put(PODS, object('v1', 'Pod', 'default', 'b', { spec: { containers: [{ name: 'app' }] } }));
    await start();
    const before = last();
    const heartbeat = { spec: { containers: [{ name: 'app', image: 'other' }] }, status: { startTime: 'x' } };
    server.put(PODS, object('v1', 'Pod', 'default', 'a', heartbeat));
    server.put(PODS, object('v1', 'Pod', 'default', 'b', { spec: { containers: [{ name: 'new' }] } }));
    await eventually(() => expect(sets).toHaveLength(2));
    expect(last().objects.get(objectKey('Pod', 'default', 'a'))).toBe(
      before.objects.get(objectKey('Pod', 'default', 'a')),
    );
  });

  it('picks a kind up when its definition comes, and drops it when that goes', async () => {
    await start();
    expect(kinds()).toEqual([]);
    server.define(ROUTES);
    server.put(ROUTES, route(ROUTE));
    const name = 'virtualservices.networking.istio.io';
    server.put(CRDS, { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name } });
    await eventually(() => expect(kinds()).toEqual(['VirtualService reviews']));
    server.undefine(ROUTES);
    await eventually(() => expect(kinds()).toEqual([]));
  });

  it('keeps the last good state of an object, and closes for a policy that has none', async () => {
    server.define(ROUTES, POLICIES);
    server.put(ROUTES, route(ROUTE));
    server.put(POLICIES, policy({ selector: { matchLabels: { app: 'a' } }, action: 'NONSENSE' }));
    await start();
    const good = last().objects.get(objectKey('VirtualService', 'default', 'reviews'));
    expect(last().unreadablePolicies).toEqual([
      { kind: 'AuthorizationPolicy', namespace: 'default', name: 'deny', selector: { app: 'a' } },
    ]);

    server.put(ROUTES, route({ ...ROUTE, http: [{ timeout: 'soon' }] }));
    server.put(POLICIES, policy({ action: 'DENY' }));
    await eventually(() => expect(last().unreadablePolicies).toEqual([]));
    await eventually(() =>
      expect(last().findings.map(({ object: title, field }) => [title, field])).toContainEqual([
        'VirtualService default/reviews',
        'spec.http[0].timeout',
      ]),
    );
    expect(last().objects.get(objectKey('VirtualService', 'default', 'reviews'))).toBe(good);

    server.delete(ROUTES, 'default', 'reviews');
    await eventually(() => expect(kinds()).toEqual(['AuthorizationPolicy deny']));
    expect(last().findings).toEqual([]);
  });

  it('goes on without what it may not read, says so, and closes for policies', async () => {
    server.define(ROUTES, POLICIES);
    server.forbid(ROUTES);
    server.forbid(POLICIES);
    await start();
    expect(
      last()
        .findings.map(({ level, object: title }) => `${level} ${title}`)
        .sort(),
    ).toEqual(['error authorizationpolicies.security.istio.io', 'error virtualservices.networking.istio.io']);
    expect(last().unreadablePolicies).toEqual([
      { kind: 'AuthorizationPolicy', namespace: 'istio-system', name: '', selector: undefined },
    ]);
  });

  it('reports objects of kinds that are not read', async () => {
    const groups = '/apis/extensions.istio.io/v1alpha1/wasmplugins';
    server.define(groups);
    server.put(groups, object('extensions.istio.io/v1alpha1', 'WasmPlugin', 'default', 'vms', { spec: { big: 1 } }));
    await start();
    expect(kinds()).toEqual([]);
    expect(last().findings.map(({ level, object: title }) => [level, title])).toEqual([
      ['warning', 'WasmPlugin default/vms'],
    ]);
  });

  it('reads the Secrets that are referred to, where the gateway runs, and no others', async () => {
    server.define(GATEWAYS);
    const secret = (namespace: string, name: string) =>
      server.put(
        SECRETS,
        object('v1', 'Secret', namespace, name, { type: 'kubernetes.io/tls', data: { 'tls.crt': 'YQ==' } }),
      );
    secret('edge', 'cert');
    secret('edge', 'other');
    secret('default', 'unused');
    const pod = object('v1', 'Pod', 'edge', 'gw', { spec: {} });
    server.put(PODS, { ...pod, metadata: { ...pod.metadata, labels: { istio: 'ingress' } } } as typeof pod);
    const gateway = (credentialName: string) =>
      object('networking.istio.io/v1', 'Gateway', 'default', 'shop', {
        spec: {
          selector: { istio: 'ingress' },
          servers: [
            {
              port: { number: 443, name: 'https', protocol: 'HTTPS' },
              hosts: ['*'],
              tls: { mode: 'SIMPLE', credentialName },
            },
          ],
        },
      });
    server.put(GATEWAYS, gateway('cert'));
    await start();
    const secrets = () => kinds().filter((line) => line.startsWith('Secret'));
    expect(secrets()).toEqual(['Secret cert']);

    server.put(GATEWAYS, gateway('other'));
    await eventually(() => expect(secrets()).toEqual(['Secret other']));
    server.delete(SECRETS, 'edge', 'other');
    await eventually(() => expect(secrets()).toEqual([]));
  });
});
