import type {
  CoreServicePort,
  EndpointSliceSpec,
  NamespaceSpec,
  NodeSpec,
  PodContainer,
  PodSpec,
  SecretSpec,
  ServiceSpec,
  SliceEndpoint,
  SlicePort,
} from '../kinds/core.js';
import { object, required } from '../schema/object.js';
import { bool, port, string } from '../schema/scalars.js';
import { list, map, type Schema, shown } from '../schema/schema.js';
import { accountName, labels, text } from './shared.js';

const portOrName: Schema<number | string> = {
  parse(value, path, report) {
    if (typeof value === 'number') return port.parse(value, path, report);
    if (typeof value === 'string' && value !== '') return value;
    report.error(path, `must be a port number or the name of a port, got ${shown(value)}`);
    return undefined;
  },
};

const servicePort: Schema<CoreServicePort> = object<CoreServicePort>({
  name: text,
  port: required(port),
  targetPort: portOrName,
  protocol: text,
  appProtocol: text,
});

/** Kubernetes Service. Fields that the mesh does not read are Kubernetes' business. */
export const service: Schema<ServiceSpec> = object<ServiceSpec>(
  {
    ports: list(servicePort),
    selector: labels,
    clusterIP: text,
    clusterIPs: list(text),
    type: text,
    externalName: text,
    ipFamilies: list(text),
    publishNotReadyAddresses: bool,
    externalIPs: list(text),
    loadBalancer: list(
      object<NonNullable<ServiceSpec['loadBalancer']>[number]>(
        { ip: text, hostname: text },
        { unknownFields: 'ignore' },
      ),
    ),
    trafficDistribution: text,
  },
  { unknownFields: 'ignore' },
);

type ContainerPort = NonNullable<PodContainer['ports']>[number];

const containers = list(
  object<PodContainer>({
    name: required(text),
    ports: list(object<ContainerPort>({ name: text, containerPort: required(port), protocol: text })),
  }),
);

const address = string({ max: 64 });

/** Kubernetes Pod: its spec, and what is taken from metadata and status. */
export const pod: Schema<PodSpec> = object<PodSpec>(
  {
    serviceAccountName: accountName,
    containers,
    initContainers: containers,
    nodeName: text,
    hostNetwork: bool,
    hostname: text,
    subdomain: text,
    podIP: address,
    podIPs: list(object<{ readonly ip: string }>({ ip: required(address) })),
    phase: text,
    ready: bool,
    terminating: bool,
    owner: object<NonNullable<PodSpec['owner']>>({ kind: required(text), name: required(text) }),
  },
  { unknownFields: 'ignore' },
);

/** Kubernetes EndpointSlice; its fields stand beside its metadata. */
export const endpointSlice: Schema<EndpointSliceSpec> = object<EndpointSliceSpec>(
  {
    addressType: required(text),
    endpoints: list(
      object<SliceEndpoint>({
        addresses: required(list(string({ max: 253 }))),
        conditions: object<NonNullable<SliceEndpoint['conditions']>>({ ready: bool, serving: bool, terminating: bool }),
        hostname: text,
        nodeName: text,
        zone: text,
        targetRef: object<NonNullable<SliceEndpoint['targetRef']>>({ kind: text, namespace: text, name: text }),
      }),
    ),
    ports: list(object<SlicePort>({ name: text, port, protocol: text, appProtocol: text })),
  },
  { unknownFields: 'ignore' },
);

/** Kubernetes Node. */
export const node: Schema<NodeSpec> = object<NodeSpec>({}, { unknownFields: 'ignore' });

/** Kubernetes Secret. A value that is no text is refused without being shown. */
const secretValue: Schema<string> = {
  parse(value, path, report) {
    if (typeof value === 'string') return value;
    report.error(path, 'must be a text');
    return undefined;
  },
};

export const secret: Schema<SecretSpec> = object<SecretSpec>(
  { type: text, data: map(secretValue), stringData: map(secretValue) },
  { unknownFields: 'ignore' },
);

/** Kubernetes Namespace. */
export const namespace: Schema<NamespaceSpec> = object<NamespaceSpec>({}, { unknownFields: 'ignore' });
