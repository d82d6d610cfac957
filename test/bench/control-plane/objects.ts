import type { Stored } from './api-server.js';

/** A mesh of so many services, spread over namespaces, each served by so many pods with a sidecar. */
export interface MeshSize {
  readonly services: number;
  readonly podsPerService: number;
  readonly namespaces: number;
}

export const COLLECTION = {
  namespaces: 'api/v1/namespaces',
  nodes: 'api/v1/nodes',
  services: 'api/v1/services',
  pods: 'api/v1/pods',
  slices: 'apis/discovery.k8s.io/v1/endpointslices',
  virtualServices: 'apis/networking.istio.io/v1/virtualservices',
  sidecars: 'apis/networking.istio.io/v1/sidecars',
} as const;

const ZONES = ['a', 'b', 'c'];
const NODES = 60;

/** A pod of a service, in its `generation`: every replacement is a new one, with another name and address. */
export interface PodPlace {
  readonly service: number;
  readonly index: number;
  readonly generation: number;
}

export function namespaceOf({ namespaces }: MeshSize, service: number): string {
  return `team-${service % namespaces}`;
}

export function serviceName(service: number): string {
  return `svc-${service}`;
}

export function podName({ service, index, generation }: PodPlace): string {
  return `svc-${service}-5d8f7c6b9d-${index}g${generation}`;
}

/** In 10.0.0.0/8; another for every pod and generation. */
export function podAddress({ service, index, generation }: PodPlace): string {
  const number = (service * 8 + index) * 64 + (generation % 64);
  return `10.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
}

export function namespace(name: string): Stored {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'istio-injection': 'enabled' } } };
}

export function nodes(): Stored[] {
  return Array.from({ length: NODES }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: `node-${i}`,
      labels: {
        'topology.kubernetes.io/region': 'eu-1',
        'topology.kubernetes.io/zone': `eu-1${ZONES[i % ZONES.length]}`,
        'kubernetes.io/hostname': `node-${i}`,
      },
    },
  }));
}

/** Two ports, HTTP and gRPC, at numbers that most services share. */
export function service(size: MeshSize, index: number): Stored {
  const name = serviceName(index);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: namespaceOf(size, index), labels: { app: name } },
    spec: {
      type: 'ClusterIP',
      clusterIP: `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
  };
}

export function pod(size: MeshSize, place: PodPlace, ready = true): Stored {
  const app = serviceName(place.service);
  const status = ready ? 'True' : 'False';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(place),
      namespace: namespaceOf(size, place.service),
      labels: { app, version: 'v1', 'pod-template-hash': '5d8f7c6b9d' },
      annotations: { 'sidecar.istio.io/status': '{"containers":["istio-proxy"]}' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${app}-5d8f7c6b9d`, controller: true }],
      managedFields: managedFields(),
    },
    spec: {
      serviceAccountName: app,
      nodeName: nodeOf(place),
      containers: [
        {
          name: 'app',
          image: 'registry/app:1',
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env: env(),
        },
        { name: 'istio-proxy', image: 'registry/weft:1', env: env() },
      ],
    },
    status: {
      phase: 'Running',
      podIP: podAddress(place),
      podIPs: [{ ip: podAddress(place) }],
      conditions: ['Initialized', 'ContainersReady', 'PodScheduled', 'Ready'].map((type) => ({ type, status })),
    },
  };
}

export function slice(size: MeshSize, index: number, places: readonly PodPlace[]): Stored {
  const name = serviceName(index);
  const namespaceName = namespaceOf(size, index);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x1`, namespace: namespaceName, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: places.map((place) => ({
      addresses: [podAddress(place)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: nodeOf(place),
      targetRef: { kind: 'Pod', namespace: namespaceName, name: podName(place) },
    })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  };
}

/** `exportTo`: `.` for the own namespace, `*` for all. */
export function virtualService(size: MeshSize, index: number, exportTo: string, seconds: number): Stored {
  const name = serviceName(index);
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: namespaceOf(size, index), generation: seconds },
    spec: {
      hosts: [name],
      exportTo: [exportTo],
      http: [{ timeout: `${seconds}s`, route: [{ destination: { host: name } }] }],
    },
  };
}

/** Narrows a namespace to itself. */
export function ownNamespaceOnly(name: string): Stored {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Sidecar',
    metadata: { name: 'default', namespace: name },
    spec: { egress: [{ hosts: ['./*'] }] },
  };
}

function nodeOf({ service: index, index: pod }: PodPlace): string {
  return `node-${(index * 7 + pod) % NODES}`;
}

/** What makes a pod of a cluster large, and what nobody reads. */
function managedFields(): object[] {
  return ['kube-controller-manager', 'kubelet'].map((manager) => ({
    manager,
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f:field-${i}`, { '.': {}, 'f:value': {} }])),
  }));
}

function env(): object[] {
  return Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of setting ${i}` }));
}
