import type { CoreServicePort, NamespaceSpec, PodSpec, SecretSpec, ServiceSpec } from '../kinds/core.js';
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
  },
  { unknownFields: 'ignore' },
);

type Container = NonNullable<PodSpec['containers']>[number];
type ContainerPort = NonNullable<Container['ports']>[number];

/** Kubernetes Pod: its spec, with `podIP` and `ready` taken from the status. */
export const pod: Schema<PodSpec> = object<PodSpec>(
  {
    serviceAccountName: accountName,
    containers: list(
      object<Container>({
        name: required(text),
        ports: list(object<ContainerPort>({ name: text, containerPort: required(port), protocol: text })),
      }),
    ),
    podIP: string({ max: 64 }),
    ready: bool,
  },
  { unknownFields: 'ignore' },
);

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
