import { Code } from '../codes.js';
import type { IstioEgressListener, IstioIngressListener, SidecarPort, SidecarSpec } from '../kinds/sidecar.js';
import { deprecated, object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { enumOf, port, string } from '../schema/scalars.js';
import { list, refine, type Schema } from '../schema/schema.js';
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

const ENDPOINT = /^(?:(?:\d+\.){3}\d+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

function checkEndpoint(value: string, path: string, report: Report): void {
  if (value === '' || ENDPOINT.test(value)) return;
  if (value.startsWith('unix://')) {
    report.warn(Code.unsupportedField, path, 'our own sidecar reaches no Unix sockets in this release');
  } else report.error(path, 'must be an address and a port, as 127.0.0.1:8080, or unix:///path');
}

const ingress: Schema<IstioIngressListener> = object<IstioIngressListener>({
  port: required(sidecarPort),
  bind: unsupported(text, 'the port is taken in as all others of the workload are'),
  captureMode: unsupported(captureMode, 'the port is taken in as all others of the workload are'),
  defaultEndpoint: refine(text, checkEndpoint),
  tls: unsupported(serverTls, 'the port takes mesh TLS and plain text as its PeerAuthentication says'),
  connectionPool,
});

const EGRESS_HOST = /^(?:[.*~]|[a-z0-9-]+)\/(?:\*|(?:\*\.)?[A-Za-z0-9_.-]+)$/;

const egressFields: Schema<IstioEgressListener> = object<IstioEgressListener>({
  port: sidecarPort,
  bind: text,
  captureMode,
  hosts: required(list(string({ pattern: EGRESS_HOST, shape: 'namespace/host' }), { min: 1 })),
});

const egress: Schema<IstioEgressListener> = refine(egressFields, (listener, path, report) => {
  if (listener.bind?.startsWith('unix://') === true) {
    report.warn(Code.unsupportedField, childPath(path, 'bind'), 'only IP addresses are supported in this release');
  }
});

/** Sidecar (networking.istio.io). */
export const sidecar: Schema<SidecarSpec> = object<SidecarSpec>({
  workloadSelector: labelsSelector,
  ingress: list(ingress),
  egress: list(egress),
  inboundConnectionPool: connectionPool,
  outboundTrafficPolicy: object<NonNullable<SidecarSpec['outboundTrafficPolicy']>>({
    mode: enumOf('REGISTRY_ONLY', 'ALLOW_ANY'),
    egressProxy: destination,
  }),
});
