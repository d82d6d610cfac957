import type { GatewayPort, GatewayServer, GatewaySpec, ServerTlsSettings } from '../kinds/gateway.js';
import { deprecated, object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { bool, enumOf, port, string } from '../schema/scalars.js';
import { list, type Schema } from '../schema/schema.js';
import { labels, nonEmpty, text, texts } from './shared.js';

const tlsVersion = enumOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');

export const serverTls: Schema<ServerTlsSettings> = object<ServerTlsSettings>(
  {
    httpsRedirect: bool,
    mode: enumOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
    serverCertificate: text,
    privateKey: text,
    caCertificates: text,
    caCrl: text,
    credentialName: text,
    credentialNames: list(text, { min: 1, max: 2 }),
    caCertCredentialName: text,
    tlsCertificates: list(
      object<NonNullable<ServerTlsSettings['tlsCertificates']>[number]>({
        serverCertificate: text,
        privateKey: text,
        caCertificates: text,
      }),
      { min: 1, max: 2 },
    ),
    subjectAltNames: texts,
    verifyCertificateSpki: texts,
    verifyCertificateHash: texts,
    minProtocolVersion: tlsVersion,
    maxProtocolVersion: tlsVersion,
    cipherSuites: texts,
    insecureSkipVerify: bool,
    ecdhCurves: texts,
  },
  { atMostOne: [['credentialName', 'credentialNames', 'tlsCertificates']] },
);

const gatewayPort: Schema<GatewayPort> = object<GatewayPort>({
  number: required(port),
  protocol: required(nonEmpty),
  name: required(nonEmpty),
  targetPort: deprecated(port, 'it has no effect'),
});

const HOST = /^(?:(?:[.*~]|[a-z0-9-]+)\/)?(?:\*|(?:\*\.)?[A-Za-z0-9_.-]+)$/;

const server: Schema<GatewayServer> = object<GatewayServer>(
  {
    port: required(gatewayPort),
    bind: text,
    hosts: required(list(string({ pattern: HOST, shape: 'a host name or namespace/host' }), { min: 1 })),
    tls: serverTls,
    defaultEndpoint: unsupported(text, 'as under Istio it has no effect; routes say where requests go'),
    name: text,
  },
  { check: checkServer },
);

const WITH_TLS = new Set(['https', 'tls']);
const HTTP = new Set(['http', 'http2', 'grpc', 'grpc-web']);

/** What Istio's validation refuses. */
function checkServer({ port: { protocol }, tls }: GatewayServer, path: string, report: Report): void {
  const kind = protocol.toLowerCase();
  const at = childPath(path, 'tls');
  if (tls === undefined) {
    if (WITH_TLS.has(kind)) report.error(at, `is required with protocol ${protocol}`);
    return;
  }
  const { mode } = tls;
  if (HTTP.has(kind) && mode !== undefined && mode !== 'PASSTHROUGH') {
    report.error(at, 'ends no TLS on a port for plain HTTP: use protocol HTTPS; only httpsRedirect has a meaning here');
  }
  if (mode !== 'SIMPLE' && mode !== 'MUTUAL' && mode !== 'OPTIONAL_MUTUAL') return;
  const files = tls.tlsCertificates ?? [tls];
  const named = Boolean(tls.credentialName) || tls.credentialNames !== undefined;
  if (!named && !files.every(({ serverCertificate, privateKey }) => serverCertificate && privateKey)) {
    report.error(at, `needs credentialName, or serverCertificate and privateKey, with mode ${mode}`);
  }
}

/** Gateway (networking.istio.io). */
export const gateway: Schema<GatewaySpec> = object<GatewaySpec>({
  servers: list(server),
  selector: labels,
});
