import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { buildCertificate, buildRootCertificate } from '../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../common/identity/keys.js';

/** A TLS server outside the mesh, with files as a DestinationRule names them. */
export interface TlsEcho {
  readonly port: number;
  /** Roots of the server's certificate. */
  readonly rootFile: string;
  /** Roots that it is not signed by. */
  readonly otherRootFile: string;
  readonly clientCertificateFile: string;
  readonly clientKeyFile: string;
  close(): void;
}

/**
 * Answers every request with the SNI and with whether the client showed a certificate: `sni=… client=true`.
 * Its certificate is for `secure.test`.
 */
export async function startTlsEcho(folder: string): Promise<TlsEcho> {
  const authority = root('server');
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const own = authority.issue('secure.test');
  const client = authority.issue('client.test');
  const server = createServer(
    { cert: own.certificate, key: own.key, ca: authority.pem, requestCert: true, rejectUnauthorized: false },
    answer,
  );
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    rootFile: file('root.pem', authority.pem),
    otherRootFile: file('other-root.pem', root('other').pem),
    clientCertificateFile: file('client.pem', client.certificate),
    clientKeyFile: file('client.key', client.key),
    close: () => server.close(),
  };
}

function answer(socket: TLSSocket): void {
  socket.on('error', () => {});
  socket.once('data', () => {
    // `authorized` is true for every resumed session, with a certificate or without.
    const client = Object.keys(socket.getPeerCertificate()).length > 0;
    const body = `sni=${String(socket.servername)} client=${client}`;
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
}

interface Authority {
  readonly pem: string;
  issue(name: string): { readonly certificate: string; readonly key: string };
}

function root(organization: string): Authority {
  const keys = createKeyPairSync();
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const pem = buildRootCertificate({ ...keys, organization, ...validity });
  const signer = { privateKey: keys.privateKey, certificate: new X509Certificate(pem) };
  return {
    pem,
    issue(name) {
      const { publicKey, privateKey } = createKeyPairSync();
      const certificate = buildCertificate({ publicKey, names: { dnsNames: [name] }, ...validity, signer });
      return { certificate, key: privateKeyPem(privateKey) };
    },
  };
}
