import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { buildCertificate, buildRootCertificate, type Signer } from '../../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../../common/identity/keys.js';

export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** From and to, in ms from now. */
export type Validity = readonly [from: number, to: number];
const NOW: Validity = [-60_000, 3_600_000];

/** The authority of a control plane on this machine, as somebody has it who broke into it. */
export function stolenAuthority(state: string): Signer {
  const text = (name: string): string => readFileSync(join(state, 'ca', name), 'utf8');
  return { privateKey: createPrivateKey(text('root.key')), certificate: new X509Certificate(text('root.pem')) };
}

export function foreignAuthority(organization = 'cluster.local'): Signer {
  const keys = createKeyPairSync();
  const pem = buildRootCertificate({ ...keys, organization, ...between(NOW) });
  return { privateKey: keys.privateKey, certificate: new X509Certificate(pem) };
}

/** A certificate of a workload with such URIs. */
export function leaf(signer: Signer, uris: readonly string[], validity = NOW): Credentials & { readonly own: Signer } {
  const { publicKey, privateKey } = createKeyPairSync();
  const cert = buildCertificate({ publicKey, names: { uris }, ...between(validity), signer });
  return { cert, key: privateKeyPem(privateKey), own: { privateKey, certificate: new X509Certificate(cert) } };
}

function between([from, to]: Validity): { readonly notBefore: number; readonly notAfter: number } {
  return { notBefore: Date.now() + from, notAfter: Date.now() + to };
}

export interface TlsAnswer {
  readonly text: string;
  readonly error: string;
  readonly protocol: string | null;
}

/** What a TLS client gets that sends `bytes` to a port of this machine until the connection is closed. */
export async function overTls(
  port: number,
  options: ConnectionOptions,
  bytes: string,
  then?: (socket: TLSSocket) => void,
): Promise<TlsAnswer> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  let text = '';
  let error = '';
  let protocol: string | null = null;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', (fault: NodeJS.ErrnoException) => {
    error ||= fault.code ?? fault.message;
  });
  socket.once('secureConnect', () => {
    protocol = socket.getProtocol();
    then?.(socket);
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return { text, error, protocol };
}

const run = promisify(execFile);

/** A certificate that may sign others, and has a workload's URI: what nobody of the mesh issues, so OpenSSL makes it. */
export async function authorityLeaf(state: string, folder: string, uri: string): Promise<Credentials> {
  const at = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('authority.key')];
  writeFileSync(at('authority.cnf'), '[req]\ndistinguished_name=dn\n[dn]\n');
  const extensions = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,digitalSignature,keyCertSign',
    `subjectAltName=URI:${uri}`,
  ].flatMap((extension) => ['-addext', extension]);
  const signer = ['-CA', join(state, 'ca', 'root.pem'), '-CAkey', join(state, 'ca', 'root.key')];
  await run('openssl', [
    ...['req', '-x509', '-config', at('authority.cnf'), '-subj', '/O=mesh', '-days', '1'],
    ...[...key, ...signer, ...extensions, '-out', at('authority.pem')],
  ]);
  return { cert: readFileSync(at('authority.pem'), 'utf8'), key: readFileSync(at('authority.key'), 'utf8') };
}
