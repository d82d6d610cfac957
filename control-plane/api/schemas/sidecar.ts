import type { IstioEgressListener, IstioIngressListener, SidecarPort, SidecarSpec } from '../kinds/sidecar.js';
import { deprecated, object, required, unsupported } from '../schema/object.js';
import { enumOf, port, string } from '../schema/scalars.js';
import { list, type Schema } from '../schema/schema.js';
import { connectionPool } from './destination-rule.js';
import { serverTls } from './gateway.js';
import { destination, labelsSelector, text } from './shared.js';

const sidecarPort: Schema<SidecarPort> = object<SidecarPort>({
  number: port,
  protocol: text,
  name: text,
  targetPort: deprecated(port, 'it has no effect'),
});

const captureMode = enumOf('DEFAULT', 'IPTABLES', 'NONE');

const ingress: Schema<IstioIngressListener> = object<IstioIngressListener>({
  port: required(sidecarPort),
  bind: text,
  captureMode,
  defaultEndpoint: text,
  tls: serverTls,
  connectionPool,
});

const EGRESS_HOST = /^(?:[.*~]|[a-z0-9-]+)\/(?:\*|(?:\*\.)?[A-Za-z0-9_.-]+)$/;

const egress: Schema<IstioEgressListener> = object<IstioEgressListener>({
  port: sidecarPort,
  bind: text,
  captureMode,
  hosts: required(list(string({ pattern: EGRESS_HOST, shape: 'namespace/host' }), { min: 1 })),
});

/** Sidecar (networking.istio.io). */
export const sidecar: Schema<SidecarSpec> = object<SidecarSpec>({
  workloadSelector: labelsSelector,
  ingress: unsupported(list(ingress), 'the sidecar listens for every port of its workload'),
  egress: unsupported(list(egress), 'the sidecar knows every host that is exported to it'),
  inboundConnectionPool: unsupported(connectionPool, 'the DestinationRule of the service applies'),
  outboundTrafficPolicy: unsupported(
    object<NonNullable<SidecarSpec['outboundTrafficPolicy']>>({
      mode: enumOf('REGISTRY_ONLY', 'ALLOW_ANY'),
      egressProxy: destination,
    }),
    "the mesh's policy applies",
  ),
});
