import { isIP } from 'node:net';
import type { IstioEgressListener, IstioIngressListener, SidecarPort, SidecarSpec } from '../kinds/sidecar.js';
import { deprecated, object, required } from '../schema/object.js';
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

const UNIX_SOCKET = /^unix:\/\/[/@]./;
const ENDPOINT = /^(?:(?:\d+\.){3}\d+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

function checkEndpoint(value: string, path: string, report: Report): void {
  if (value === '' || ENDPOINT.test(value) || UNIX_SOCKET.test(value)) return;
  report.error(path, 'must be an address and a port, as 127.0.0.1:8080, or unix:///path');
}

/** What Istio's validation refuses. */
function checkIngress(
  { port: { protocol = '' }, bind = '', tls }: IstioIngressListener,
  path: string,
  report: Report,
): void {
  if (bind !== '' && isIP(bind) === 0) report.error(childPath(path, 'bind'), `must be an IP address, got "${bind}"`);
  if (tls === undefined) return;
  const at = childPath(path, 'tls');
  if (!/^(?:HTTPS|TLS)$/i.test(protocol)) report.error(at, `is for a port with protocol HTTPS or TLS, not ${protocol}`);
  if (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL' && tls.mode !== 'OPTIONAL_MUTUAL') {
    report.error(childPath(at, 'mode'), 'must be SIMPLE, MUTUAL or OPTIONAL_MUTUAL');
  }
  for (const field of FILES_ONLY) if (tls[field] !== undefined) report.error(childPath(at, field), NO_SECRETS);
  if (!tls.serverCertificate || !tls.privateKey) report.error(at, 'needs serverCertificate and privateKey');
  if (tls.mode !== 'SIMPLE' && !tls.caCertificates) report.error(at, `needs caCertificates with mode ${tls.mode}`);
}

const FILES_ONLY = ['credentialName', 'credentialNames', 'caCertCredentialName', 'tlsCertificates'] as const;
const NO_SECRETS = 'is not taken here: a sidecar reads its certificate from files';

const ingress: Schema<IstioIngressListener> = object<IstioIngressListener>(
  {
    port: required(sidecarPort),
    bind: text,
    captureMode,
    defaultEndpoint: refine(text, checkEndpoint),
    tls: serverTls,
    connectionPool,
  },
  { check: checkIngress },
);

const EGRESS_HOST = /^(?:[.*~]|[a-z0-9-]+)\/(?:\*|(?:\*\.)?[A-Za-z0-9_.-]+)$/;

const egressFields: Schema<IstioEgressListener> = object<IstioEgressListener>({
  port: sidecarPort,
  bind: text,
  captureMode,
  hosts: required(list(string({ pattern: EGRESS_HOST, shape: 'namespace/host' }), { min: 1 })),
});

const egress: Schema<IstioEgressListener> = refine(egressFields, (listener, path, report) => {
  const { bind = '', port, captureMode } = listener;
  const at = childPath(path, 'bind');
  if (bind.startsWith('unix:')) {
    if (!UNIX_SOCKET.test(bind)) report.error(at, `must be unix:///path or unix://@name, got "${bind}"`);
    if ((port?.number ?? 0) !== 0) report.error(at, 'is a Unix socket: the port must have no number');
    if (captureMode === 'IPTABLES') report.error(at, 'is a Unix socket, to which nothing is redirected');
    return;
  }
  if (bind !== '' && isIP(bind) === 0) report.error(at, `must be an IP address or unix:///path, got "${bind}"`);
  if (bind !== '' && (port?.number ?? 0) === 0) report.error(at, 'needs a port with a number');
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
