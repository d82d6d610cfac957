import { describe, expect, it } from 'vitest';
import { capturedPods } from '../sources/kubernetes/capture-allotter.js';
import { configSet } from '../translate/testing/case.js';
import { buildSnapshot } from './build.js';
import { canonicalName, coreProtocol, type Service } from './service.js';
import type { MeshSnapshot } from './snapshot.js';

function snapshotOf(...documents: string[]): MeshSnapshot {
  const set = configSet(documents.join('\n---\n'));
  return buildSnapshot(set, capturedPods(set));
}

function serviceOf(snapshot: MeshSnapshot, name = 'reviews'): Service {
  const service = snapshot.services.find(({ host }) => host === `${name}.default.svc.cluster.local`);
  if (service === undefined) throw new Error(`no service ${name}`);
  return service;
}

/** `pod address:port,port health`. */
function shown({ endpoints, ports }: Service): string[] {
  return endpoints.map((endpoint) => {
    const numbers = ports.map(({ name }) => endpoint.ports?.get(name) ?? '-');
    return `${endpoint.workload.name} ${endpoint.workload.address}:${numbers} ${endpoint.health}`;
  });
}

function pod(
  name: string,
  ip: string,
  options: { meta?: string; spec?: string; status?: string; ready?: boolean } = {},
) {
  const { meta = '', spec = '', status = '', ready = true } = options;
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: reviews}${meta}}
spec: {containers: [{name: app, ports: [{name: web, containerPort: 8080}, {containerPort: 9090}]}]${spec}}
status: {podIP: ${ip}, phase: Running${status}, conditions: [{type: Ready, status: "${ready ? 'True' : 'False'}"}]}`;
}

function service(spec: string, name = 'reviews', meta = '') {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: default${meta}}\nspec: {${spec}}`;
}
const SPEC = 'clusterIP: 10.96.0.7, selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: web}]';

function slice(name: string, endpoints: string, options: { ports?: string; type?: string; service?: string } = {}) {
  const { ports = '[{name: http, port: 8080}]', type = 'IPv4', service: of = 'reviews' } = options;
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: default, labels: {kubernetes.io/service-name: ${of}}}
addressType: ${type}
endpoints: [${endpoints}]
ports: ${ports}`;
}
const at = (address: string, name: string, conditions = '{ready: true}', more = '') =>
  `{addresses: ["${address}"], conditions: ${conditions}, targetRef: {kind: Pod, namespace: default, name: ${name}}${more}}`;
const ENDING = '{ready: false, serving: true, terminating: true}';

describe('endpoints of a Service', () => {
  const two = [pod('a', '10.0.0.1'), pod('b', '10.0.0.2', { ready: false })];
  it.each<[string, string[], string[]]>([
    [
      'without slices: the pods that it selects',
      [service(SPEC), ...two],
      ['a 10.0.0.1:8080 healthy', 'b 10.0.0.2:8080 unhealthy'],
    ],
    [
      'without slices, those that are not ready are asked for',
      [service(`${SPEC}, publishNotReadyAddresses: true`), ...two],
      ['a 10.0.0.1:8080 healthy', 'b 10.0.0.2:8080 healthy'],
    ],
    [
      'those of its slices; a pod that is not ready is known',
      [service(SPEC), ...two, slice('s', `${at('10.0.0.1', 'a')}, ${at('10.0.0.2', 'b', '{ready: false}')}`)],
      ['a 10.0.0.1:8080 healthy', 'b 10.0.0.2:8080 unhealthy'],
    ],
    [
      'slices count, not what pods say: published although not ready',
      [service(SPEC), ...two, slice('s', at('10.0.0.2', 'b'))],
      ['b 10.0.0.2:8080 healthy', 'a 10.0.0.1:8080 unhealthy'],
    ],
    [
      'a terminating one is not used while another is ready',
      [service(SPEC), ...two, slice('s', `${at('10.0.0.1', 'a')}, ${at('10.0.0.2', 'b', ENDING)}`)],
      ['a 10.0.0.1:8080 healthy', 'b 10.0.0.2:8080 unhealthy'],
    ],
    [
      'a terminating one that serves is used when nothing else is left',
      [service(SPEC), ...two, slice('s', `${at('10.0.0.1', 'a', '{ready: false}')}, ${at('10.0.0.2', 'b', ENDING)}`)],
      ['b 10.0.0.2:8080 healthy', 'a 10.0.0.1:8080 unhealthy'],
    ],
    [
      'a terminating one keeps its sessions where sessions are kept',
      [
        service(SPEC, 'reviews', ', labels: {istio.io/persistent-session: id}'),
        ...two,
        slice('s', `${at('10.0.0.1', 'a')}, ${at('10.0.0.2', 'b', ENDING)}`),
      ],
      ['a 10.0.0.1:8080 healthy', 'b 10.0.0.2:8080 draining'],
    ],
    [
      'pods of which nothing is known wait, and so do those that moved',
      [service(SPEC), ...two, slice('s', `${at('10.0.0.9', 'c')}, ${at('10.0.0.8', 'a')}`)],
      ['a 10.0.0.1:8080 unhealthy', 'b 10.0.0.2:8080 unhealthy'],
    ],
    [
      'several slices of one pod add up',
      [
        service('ports: [{name: http, port: 80}, {name: admin, port: 81}]'),
        ...two,
        slice('s', at('10.0.0.1', 'a')),
        slice('t', at('10.0.0.1', 'a'), { ports: '[{name: admin, port: 9090}]' }),
      ],
      ['a 10.0.0.1:8080,9090 healthy'],
    ],
    [
      'hand-made slices lead anywhere, and to pods by their addresses',
      [
        service('ports: [{port: 80}]'),
        ...two,
        slice('s', '{addresses: [192.0.2.1]}, {addresses: [10.0.0.1]}', { ports: '[{port: 5432}]' }),
      ],
      ['192.0.2.1 192.0.2.1:5432 healthy', 'a 10.0.0.1:5432 healthy'],
    ],
    [
      'dual stack: one endpoint a pod, of the family that the service prefers',
      [
        service('clusterIPs: ["fd00::7", 10.96.0.7], clusterIP: "fd00::7", ports: [{name: http, port: 80}]'),
        pod('a', '10.0.0.1', { status: ', podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]' }),
        slice('four', at('10.0.0.1', 'a')),
        slice('six', at('fd00::1', 'a'), { type: 'IPv6' }),
      ],
      ['a fd00::1:8080 healthy'],
    ],
    ['pods that have ended serve nothing', [service(SPEC), pod('a', '10.0.0.1').replace('Running', 'Succeeded')], []],
    [
      'a target by number does not care for the names of containers’ ports',
      [service('selector: {app: reviews}, ports: [{name: web, port: 80, targetPort: 9090}]'), pod('a', '10.0.0.1')],
      ['a 10.0.0.1:9090 healthy'],
    ],
  ])('%s', (_, documents, expected) => {
    expect(shown(serviceOf(snapshotOf(...documents)))).toEqual(expected);
  });

  it('lets a pod serve several Services, whether it is ready or not', () => {
    const snapshot = snapshotOf(service(SPEC), service(SPEC, 'ratings'), pod('a', '10.0.0.1', { ready: false }));
    expect(snapshot.servicesOf.get('default/a')?.map(({ service: { name } }) => name)).toEqual(['ratings', 'reviews']);
  });

  it('knows the name that a headless Service gives to each pod', () => {
    const headless = service('clusterIP: None, ports: [{name: http, port: 80}]');
    const endpoints = (...documents: string[]) =>
      serviceOf(snapshotOf(...documents)).endpoints.map(({ hostname }) => hostname);
    expect(serviceOf(snapshotOf(headless)).headless).toBe(true);
    expect(
      endpoints(headless, pod('db-0', '10.0.0.1'), slice('s', at('10.0.0.1', 'db-0', '{}', ', hostname: db-0'))),
    ).toEqual(['db-0']);
    const selecting = service('clusterIP: None, selector: {app: reviews}, ports: [{name: http, port: 80}]');
    expect(endpoints(selecting, pod('db-0', '10.0.0.1', { spec: ', hostname: db-0, subdomain: reviews' }))).toEqual([
      'db-0',
    ]);
  });

  it('follows an ExternalName to a Service of the cluster, and looks any other up', () => {
    const snapshot = snapshotOf(
      service(SPEC),
      pod('a', '10.0.0.1'),
      service('type: ExternalName, externalName: reviews.default.svc.cluster.local', 'alias'),
      service('type: ExternalName, externalName: example.com, ports: [{port: 443}]', 'outside'),
    );
    const alias = serviceOf(snapshot, 'alias');
    expect([alias.external, alias.resolution, shown(alias)]).toEqual([false, 'static', ['a 10.0.0.1:8080 healthy']]);
    const outside = serviceOf(snapshot, 'outside');
    expect([outside.external, outside.resolution, outside.endpoints[0]?.workload.address]).toEqual([
      true,
      'dns',
      'example.com',
    ]);
  });
});

describe('a pod', () => {
  const node = `apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: host-1, topology.kubernetes.io/region: eu, topology.kubernetes.io/zone: eu-1, topology.istio.io/subzone: rack}}`;
  const workload = (options: Parameters<typeof pod>[2] = {}, ...documents: string[]) => {
    const found = snapshotOf(pod('reviews-5b-x', '10.0.0.1', options), ...documents).workloads.get(
      'default/reviews-5b-x',
    );
    if (found === undefined) throw new Error('no workload');
    return found;
  };
  const owner = (kind: string, name: string) =>
    workload({ meta: `, ownerReferences: [{kind: Other, name: x}, {kind: ${kind}, name: ${name}, controller: true}]` })
      .workloadName;

  it.each([
    ['StatefulSet', 'db', 'db'],
    ['Job', 'migrate', 'migrate'],
    ['Job', 'backup-29384756', 'backup'],
    ['ReplicaSet', 'by-hand', 'by-hand'],
    ['Node', 'n1', 'reviews-5b-x'],
  ])('of %s %s belongs to %s', (kind, name, expected) => {
    expect(owner(kind, name)).toBe(expected);
  });

  it('of a Deployment has its name, also as the canonical one', () => {
    const found = snapshotOf(
      pod('p', '10.0.0.1').replace(
        '{app: reviews}',
        '{pod-template-hash: 5b}, ownerReferences: [{kind: ReplicaSet, name: reviews-5b, controller: true}]',
      ),
    ).workloads.get('default/p');
    expect(found?.workloadName).toBe('reviews');
    expect(found && canonicalName(found)).toBe('reviews');
  });

  it('is where its node is, unless it says otherwise', () => {
    const placed = workload({ spec: ', nodeName: n1' }, node);
    expect([placed.locality, placed.labels['kubernetes.io/hostname']]).toEqual(['eu/eu-1/rack', 'host-1']);
    expect(workload().locality).toBe('');
    const labelled = pod('p', '10.0.0.1', { spec: ', nodeName: n1' }).replace(
      '{app: reviews}',
      '{istio-locality: us.us-1}',
    );
    expect(snapshotOf(labelled, node).workloads.get('default/p')?.locality).toBe('us/us-1');
  });

  it.each([
    ['none', {}, undefined],
    ['the injector’s mark', { meta: ', annotations: {sidecar.istio.io/status: "{}"}' }, 'REDIRECT'],
    ['a native sidecar', { spec: ', initContainers: [{name: istio-proxy}]' }, 'REDIRECT'],
    [
      'another interception',
      { meta: ', annotations: {sidecar.istio.io/status: "{}", sidecar.istio.io/interceptionMode: TPROXY}' },
      'TPROXY',
    ],
    [
      'the node’s network',
      { meta: ', annotations: {sidecar.istio.io/status: "{}"}', spec: ', hostNetwork: true' },
      undefined,
    ],
    [
      'a gateway',
      { meta: ', annotations: {sidecar.istio.io/status: "{}", inject.istio.io/templates: gateway}' },
      undefined,
    ],
  ])('has a sidecar by %s', (_, options, expected) => {
    const { sidecar } = workload(options);
    expect(sidecar?.kind === 'capture' ? sidecar.interception : sidecar).toBe(expected);
  });

  it('is not ready once it is being deleted', () => {
    expect(workload({ meta: ', deletionTimestamp: "2026-01-01T00:00:00Z"' }).pod?.ready).toBe(false);
  });
});

describe('protocol of a Service port', () => {
  it.each([
    [undefined, 'http-web', 80, 'http'],
    [undefined, 'web', 80, 'auto'],
    [undefined, '', 3306, 'tcp'],
    ['kubernetes.io/h2c', 'tcp', 80, 'http2'],
    ['kubernetes.io/ws', '', 80, 'http'],
    ['kubernetes.io/wss', '', 80, 'tls'],
    ['grpc', 'tcp-x', 80, 'grpc'],
    ['example.com/own', 'http', 80, 'auto'],
    ['', 'http', 80, 'http'],
  ] as const)('appProtocol %s, name %j, port %s: %s', (appProtocol, name, number, expected) => {
    expect(coreProtocol(appProtocol, name, number)).toBe(expected);
  });
});

describe('traffic distribution', () => {
  const annotation = ', annotations: {networking.istio.io/traffic-distribution: PreferSameNode}';
  it.each([
    ['unset', service(SPEC), undefined],
    ['its spec', service(`${SPEC}, trafficDistribution: PreferClose`), 'same-zone'],
    ['its annotation', service(SPEC, 'reviews', annotation), 'same-node'],
    [
      'its namespace',
      `${service(SPEC)}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default${annotation}}`,
      'same-node',
    ],
  ])('by %s', (_, text, expected) => {
    expect(serviceOf(snapshotOf(text)).trafficDistribution).toBe(expected);
  });
});

describe('a root namespace of another name', () => {
  const documents = [
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: mesh}\ndata: {mesh: "{trustDomain: mesh.example}"}',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: "{trustDomain: other}"}',
    'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: all, namespace: mesh}\nspec: {mtls: {mode: STRICT}}',
    pod('a', '10.0.0.1'),
  ];

  it.each([
    ['mesh', 'mesh.example', 'strict'],
    ['istio-system', 'other', 'permissive'],
  ])('%s has the settings and policies of the mesh', (rootNamespace, trustDomain, mode) => {
    const set = configSet(documents.join('\n---\n'), rootNamespace);
    const { settings, peerAuthentications, workloads } = buildSnapshot(set, capturedPods(set));
    expect(settings).toMatchObject({ rootNamespace, trustDomain });
    const workload = workloads.get('default/a');
    expect(workload && peerAuthentications.workloadMode(workload)).toBe(mode);
  });
});
