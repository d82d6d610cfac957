import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { splitCertificates } from '../../common/identity/pem.js';
import { trustDomainOf } from '../../common/identity/spiffe.js';
import type { PeerCertificate } from './peer.js';

const MAX_DEPTH = 8;
const MAX_VERIFIED = 4096;

/**
 * Holds peers to the roots of their own trust domain (Envoy's SPIFFE validator): the TLS library has verified a chain to some
 * root, which may be that of a federated domain, and must not vouch for our names.
 */
export class TrustDomains {
  private readonly own: readonly X509Certificate[];
  private readonly federated: ReadonlyMap<string, readonly X509Certificate[]>;
  /** Certificates whose chain was found good: a resumed session shows no chain. */
  private readonly verified = new Set<string>();

  constructor(own: string, federated: ReadonlyMap<string, string>) {
    this.own = parsed(own);
    this.federated = new Map([...federated].map(([domain, pem]) => [domain, parsed(pem)]));
  }

  /** Why none of the roots that may vouch for this peer does, or undefined. */
  fault(socket: TLSSocket, certificate: PeerCertificate): string | undefined {
    if (this.verified.has(certificate.sha256)) return undefined;
    const domain = trustDomainOf(certificate.uris[0] ?? '');
    const roots = this.federated.get(domain ?? '') ?? this.own;
    const leaf = new X509Certificate(certificate.der);
    if (!leadsTo(roots, leaf, socket.getPeerCertificate(true))) {
      return `no root of the trust domain ${domain ?? 'of this mesh'} vouches for it`;
    }
    if (this.verified.size >= MAX_VERIFIED) this.verified.clear();
    this.verified.add(certificate.sha256);
    return undefined;
  }
}

/** Whether a chain of what the peer has shown ends at one of the roots; every signature on the way is looked at. */
function leadsTo(roots: readonly X509Certificate[], leaf: X509Certificate, shown: DetailedPeerCertificate): boolean {
  let current = leaf;
  let next: DetailedPeerCertificate | undefined = shown;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (roots.some((root) => signed(root, current) && isValid(root))) return true;
    const before: DetailedPeerCertificate | undefined = next;
    next = before?.issuerCertificate;
    if (next === undefined || next === before || next.raw === undefined) return false;
    const issuer = new X509Certificate(next.raw);
    if (!issuer.ca || !isValid(issuer) || !signed(issuer, current)) return false;
    current = issuer;
  }
  return false;
}

function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValid({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now();
  return Date.parse(validFrom) <= now && now < Date.parse(validTo);
}

function parsed(pem: string): X509Certificate[] {
  return splitCertificates(pem).map((one) => new X509Certificate(one));
}
