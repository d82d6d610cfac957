import { createHash, X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { buildCertificate, buildRootCertificate } from '../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../common/identity/keys.js';
import type { CaseTls } from './case-file.js';
import { MARKER } from './sides.js';

/** Ports of each gateway, by the names by which cases enter at them; a Gateway says the number. */
export const ENTRANCES = { gateway: 80, 'gateway-https': 443, 'gateway-tcp': 9000, 'gateway-tls': 8443 } as const;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What cases about gateways use: certificates, Secrets, and an upstream that speaks TLS. */
export class GatewayParts {
  private readonly clients = authority('clients');
  private readonly servers = authority('servers');
  private readonly stranger = authority('strangers').issue('client.example.com');
  private readonly client = this.clients.issue('client.example.com');
  private upstream: Server | undefined;

  /** An upstream of its own name: TLS, and one answer to whatever comes. */
  listen(port: number): Promise<void> {
    const pair = this.servers.issue('secure.example.com');
    this.upstream = createServer({
      cert: pair.cert,
      key: pair.key,
      ca: this.clients.pem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    this.upstream.on('secureConnection', answerOnce);
    this.upstream.on('tlsClientError', () => undefined);
    return new Promise((resolve) => this.upstream?.listen(port, '127.0.0.1', resolve));
  }

  /** What the certificate `client` is signed by. */
  get clientRoots(): string {
    return this.clients.pem;
  }

  close(): void {
    this.upstream?.close();
  }

  /** Node's options for what a case says of its client. */
  options({ sni, alpn, certificate, max, min, ciphers }: CaseTls): ConnectionOptions {
    const pair = certificate === 'client' ? this.client : certificate === 'stranger' ? this.stranger : undefined;
    return {
      rejectUnauthorized: false,
      ...(sni !== undefined && { servername: sni }),
      ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
      ...(max !== undefined && { maxVersion: max }),
      ...(min !== undefined && { minVersion: min }),
      ...(ciphers !== undefined && { ciphers }),
      ...(pair !== undefined && { cert: pair.cert, key: pair.key }),
    };
  }

  /** Digests of the client's certificate and key, for pins: `%PIN-SPKI%` and `%PIN-HASH%` in a case. */
  withPins(text: string): string {
    const certificate = new X509Certificate(this.client.cert);
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return text
      .replaceAll('%PIN-SPKI%', createHash('sha256').update(spki).digest('base64'))
      .replaceAll('%PIN-HASH%', createHash('sha256').update(certificate.raw).digest('hex'));
  }

  topology(port: (name: string) => number): string {
    const secrets = [
      secret('shop-cert', { ...this.secretOf('shop.example.com'), cacert: this.clients.pem }),
      secret('wide-cert', this.secretOf('*.example.com')),
      secret('tls-kind', tlsKind(this.servers.issue('tls.example.com'))),
      secret('client-ca', { cacert: this.clients.pem }),
      secret('origination', { cert: this.client.cert, key: this.client.key, cacert: this.servers.pem }),
    ];
    const gateways = ['weft', 'envoy'].map((side) =>
      stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'WorkloadEntry',
        metadata: {
          name: `gateway-${side}`,
          namespace: 'default',
          annotations: { 'inject.istio.io/templates': 'gateway' },
        },
        spec: {
          address: '127.0.0.1',
          ports: Object.fromEntries(Object.keys(ENTRANCES).map((name) => [name, port(`${side} ${name}`)])),
          serviceAccount: 'gateway',
          labels: { app: 'gateway', side },
        },
      }),
    );
    return [...secrets, ...gateways, INGRESS, MARKER_GATEWAY, secureEntry(port('secure'))].join('\n---\n');
  }

  private secretOf(name: string): Readonly<Record<string, string>> {
    return this.servers.issue(name);
  }
}

/** A service with every port of a gateway: by it Gateways know where they listen. */
const INGRESS = stringify({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'ingress', namespace: 'default' },
  spec: {
    hosts: ['ingress.default.svc.cluster.local'],
    location: 'MESH_INTERNAL',
    resolution: 'STATIC',
    ports: Object.entries(ENTRANCES).map(([name, number]) => ({ name, number, protocol: 'TCP' })),
    workloadSelector: { labels: { app: 'gateway' } },
  },
});

const MARKER_GATEWAY = stringify({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'marker', namespace: 'default' },
  spec: {
    selector: { app: 'gateway' },
    servers: [{ port: { number: 80, name: 'http-marker', protocol: 'HTTP' }, hosts: [MARKER] }],
  },
});

function secureEntry(port: number): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'secure', namespace: 'default' },
    spec: {
      hosts: ['secure.example.com'],
      location: 'MESH_EXTERNAL',
      resolution: 'STATIC',
      ports: [
        { number: 443, name: 'tls', protocol: 'TLS', targetPort: port },
        { number: 80, name: 'http', protocol: 'HTTP', targetPort: port },
      ],
      endpoints: [{ address: '127.0.0.1' }],
    },
  });
}

function answerOnce(socket: TLSSocket): void {
  socket.on('error', () => undefined);
  socket.once('data', () => {
    const who = socket.getPeerX509Certificate()?.subjectAltName ?? 'nobody';
    const body = `secure for ${who}`;
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
}

function tlsKind({ cert, key }: Pair): Readonly<Record<string, string>> {
  return { 'tls.crt': cert, 'tls.key': key };
}

function secret(name: string, stringData: Readonly<Record<string, string>>): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'Opaque',
    stringData,
  });
}

function authority(organization: string): {
  readonly pem: string;
  issue(dnsName: string): Pair & Record<string, string>;
} {
  const { publicKey, privateKey } = createKeyPairSync();
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 };
  const pem = buildRootCertificate({ publicKey, privateKey, organization, ...validity });
  const signer = { privateKey, certificate: new X509Certificate(pem) };
  return {
    pem,
    issue(dnsName) {
      const own = createKeyPairSync();
      const cert = buildCertificate({ publicKey: own.publicKey, names: { dnsNames: [dnsName] }, ...validity, signer });
      return { cert, key: privateKeyPem(own.privateKey) };
    },
  };
}
