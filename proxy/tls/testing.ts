import { type KeyObject, X509Certificate } from 'node:crypto';
import { buildCertificate, buildRootCertificate, type Signer } from '../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../common/identity/keys.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import type { DownstreamTls, UpstreamTls, ValidationSettings } from './context.js';
import { SecretStore } from './secrets.js';

/** An authority for tests, with the certificates that it issues. */
export class TestCa {
  readonly pem: string;
  private readonly signer: Signer;

  constructor(organization = 'test') {
    const { publicKey, privateKey } = createKeyPairSync();
    const now = Date.now();
    const validity = { notBefore: now - 60_000, notAfter: now + 3600_000 };
    this.pem = buildRootCertificate({ publicKey, privateKey, organization, ...validity });
    this.signer = { privateKey, certificate: new X509Certificate(this.pem) };
  }

  certify(publicKey: KeyObject, uri: string, lifetimeMs = 3600_000): string {
    const now = Date.now();
    const names = { uris: [uri] };
    return buildCertificate({
      publicKey,
      names,
      notBefore: now - 60_000,
      notAfter: now + lifetimeMs,
      signer: this.signer,
    });
  }

  issue(uri: string, lifetimeMs?: number): { readonly certificateChain: string; readonly privateKey: string } {
    const { publicKey, privateKey } = createKeyPairSync();
    return { certificateChain: this.certify(publicKey, uri, lifetimeMs), privateKey: privateKeyPem(privateKey) };
  }

  /** A store as a sidecar with this identity has it. */
  secretsOf(uri: string): SecretStore {
    const store = new SecretStore();
    store.set(SECRET_DEFAULT, { kind: 'certificate', ...this.issue(uri) });
    store.set(SECRET_ROOT, { kind: 'roots', pem: this.pem });
    return store;
  }
}

const PARAMETERS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: undefined } as const;

/** Settings of the mesh: own certificate, roots of the mesh, and the URIs that a peer may have (none: any). */
export function meshTls(...uris: readonly string[]): DownstreamTls & UpstreamTls {
  const subjectAltNames: ValidationSettings['subjectAltNames'] = uris.map((uri) => ({
    type: 'uri',
    matches: (value) => value === uri,
  }));
  return {
    parameters: PARAMETERS,
    certificate: { kind: 'sds', name: SECRET_DEFAULT },
    validation: { roots: { kind: 'sds', name: SECRET_ROOT }, subjectAltNames },
    requireClientCertificate: true,
    sni: 'outbound_.80_._.app.default.svc.cluster.local',
    alpn: ['istio', 'http/1.1'],
  };
}
