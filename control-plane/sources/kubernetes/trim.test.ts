import { describe, expect, it } from 'vitest';
import { parseObject } from '../../api/parse-object.js';
import type { RawObject } from '../../kubernetes/resource.js';
import { watchedResources } from './resources.js';

const METADATA = {
  name: 'a',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
  generation: 3,
  labels: { app: 'a', 'kubernetes.io/service-name': 'a', 'topology.kubernetes.io/zone': 'z' },
  annotations: { 'networking.istio.io/exportTo': '.' },
};
const NOISE = {
  managedFields: [{ manager: 'kubectl' }],
  finalizers: ['x'],
  selfLink: '/x',
};
const NOISY_ANNOTATIONS = {
  'kubectl.kubernetes.io/last-applied-configuration': '{"big":1}',
};

const OBJECTS: Readonly<Record<string, RawObject>> = {
  Namespace: { status: { phase: 'Active' } },
  Service: {
    spec: {
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1'],
      ipFamilies: ['IPv4'],
      selector: { app: 'a' },
      type: 'ClusterIP',
      publishNotReadyAddresses: true,
      trafficDistribution: 'PreferClose',
      ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP', appProtocol: 'http' }],
    },
    status: { loadBalancer: {} },
  },
  Pod: {
    metadata: {
      deletionTimestamp: '2026-01-01T00:00:00Z',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a-1', uid: 'x', controller: true }],
    },
    spec: {
      serviceAccountName: 'a',
      nodeName: 'n',
      hostNetwork: true,
      hostname: 'a-0',
      subdomain: 'a',
      containers: [{ name: 'app', ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }] }],
      initContainers: [{ name: 'istio-proxy' }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  },
  EndpointSlice: {
    metadata: { labels: { 'kubernetes.io/service-name': 'a' } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: false, serving: true, terminating: true },
        hostname: 'a-0',
        nodeName: 'n',
        zone: 'z',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'a-0' },
      },
    ],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'http' }],
  },
  ConfigMap: { data: { mesh: 'accessLogFile: /dev/stdout' } },
  VirtualService: { spec: { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' } }] }] } },
};

describe('what is left of an object', () => {
  it.each(Object.entries(OBJECTS))('%s says to the mesh what the whole one does', (kind, rest) => {
    const resource = watchedResources().find((candidate) => candidate.kind === kind);
    if (resource === undefined) throw new Error(`${kind} is not watched`);
    const [version = ''] = resource.versions;
    const apiVersion = resource.group === '' ? version : `${resource.group}/${version}`;
    const metadata = { ...METADATA, ...(rest['metadata'] as object | undefined) };
    const plain = { apiVersion, kind, ...rest, metadata };
    const noisy = {
      ...plain,
      metadata: { ...metadata, ...NOISE, annotations: { ...METADATA.annotations, ...NOISY_ANNOTATIONS } },
    };
    const trimmed = resource.trim(noisy);
    const parsed = parseObject(trimmed, undefined);
    expect(parsed.object).toEqual(parseObject(plain, undefined).object);
    expect(parsed.object).toBeDefined();
    for (const gone of ['managedFields', 'finalizers', 'last-applied'])
      expect(JSON.stringify(trimmed)).not.toContain(gone);
  });

  it('of a container that is not ours nothing but name and ports', () => {
    const pod = watchedResources().find(({ kind }) => kind === 'Pod');
    const container = {
      name: 'app',
      image: 'x',
      env: [{ name: 'PASSWORD', value: 'secret' }],
      ports: [{ containerPort: 80, hostPort: 1 }],
    };
    const trimmed = pod?.trim({
      metadata: METADATA,
      spec: { containers: [container], initContainers: [container], volumes: [] },
    });
    expect(trimmed?.['spec']).toEqual({
      containers: [{ name: 'app', ports: [{ containerPort: 80 }] }],
      initContainers: [],
    });
  });
});
