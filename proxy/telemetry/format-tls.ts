import { createHash, X509Certificate } from 'node:crypto';
import { encodedPem } from '../http/client-cert.js';
import type { PeerInfo, StreamInfo } from '../http/stream-info.js';
import { parseSubjectAltName } from '../tls/peer.js';
import type { Factory, Getter } from './format-operators.js';
import { compileTimeFormat } from './format-time.js';

type OfPeer = (info: StreamInfo) => PeerInfo;
type OfCertificate = (certificate: X509Certificate) => string | undefined;

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
const list = (values: readonly string[]): string | undefined => text(values.join(','));
const subject = (name: string | undefined): string | undefined =>
  text((name ?? '').split('\n').filter(Boolean).reverse().join(','));

/** Names that node shows as `email:…` are no identities, so that nothing else reads them. */
function emails({ subjectAltName = '' }: X509Certificate): string | undefined {
  return list([...subjectAltName.matchAll(/(?:^|, )email:([^,]+)/g)].map(([, name = '']) => name));
}

const OF_CERTIFICATE: Readonly<Record<string, OfCertificate>> = {
  URI_SAN: ({ subjectAltName }) => list(parseSubjectAltName(subjectAltName).uris),
  DNS_SAN: ({ subjectAltName }) => list(parseSubjectAltName(subjectAltName).dns),
  IP_SAN: ({ subjectAltName }) => list(parseSubjectAltName(subjectAltName).ips),
  EMAIL_SAN: emails,
  SUBJECT: (certificate) => subject(certificate.subject),
};

const OF_PEER: Readonly<Record<string, OfCertificate>> = {
  ISSUER: (certificate) => subject(certificate.issuer),
  SERIAL: ({ serialNumber }) => serialNumber.toLowerCase(),
  FINGERPRINT_1: ({ raw }) => createHash('sha1').update(raw).digest('hex'),
  CERT: ({ raw }) => encodedPem(raw),
};

/** Operators about one side's TLS. Certificates are read when a line wants something of them, once each. */
export function tlsOperators(side: 'DOWNSTREAM' | 'UPSTREAM', of: OfPeer): Record<string, Getter> {
  const operators: Record<string, Getter> = {
    [`${side}_TLS_VERSION`]: ({ info }) => of(info).tlsVersion,
    [`${side}_TLS_CIPHER`]: ({ info }) => of(info).cipher,
    [`${side}_PEER_FINGERPRINT_256`]: ({ info }) => text(of(info).sha256),
  };
  for (const [name, read] of Object.entries({ ...OF_CERTIFICATE, ...OF_PEER })) {
    operators[`${side}_PEER_${name}`] = ({ info }) => ofPeer(of(info), read);
  }
  for (const [name, read] of Object.entries(OF_CERTIFICATE)) {
    operators[`${side}_LOCAL_${name}`] = ({ info }) => {
      const certificate = ownCertificate(of(info).localCertificate);
      return certificate && read(certificate);
    };
  }
  const { [`${side}_PEER_URI_SAN`]: peerUris, [`${side}_LOCAL_URI_SAN`]: localUris } = operators;
  // The identity is known without a look at the certificate; other names of its kind are not.
  operators[`${side}_PEER_URI_SAN`] = (context) => peerUris?.(context) ?? of(context.info).uriSan;
  operators[`${side}_LOCAL_URI_SAN`] = (context) => localUris?.(context) ?? of(context.info).localUriSan;
  return operators;
}

/** When the peer's certificate begins and ends to be valid, in a form of one's own. */
export function validityOperators(side: 'DOWNSTREAM' | 'UPSTREAM', of: OfPeer): Record<string, Factory> {
  const at =
    (read: (certificate: X509Certificate) => string): Factory =>
    (pattern) => {
      const render = compileTimeFormat(pattern);
      return ({ info }) => ofPeer(of(info), (certificate) => render(Date.parse(read(certificate))));
    };
  return {
    [`${side}_PEER_CERT_V_START`]: at(({ validFrom }) => validFrom),
    [`${side}_PEER_CERT_V_END`]: at(({ validTo }) => validTo),
  };
}

function ofPeer({ certificate }: PeerInfo, read: OfCertificate): string | undefined {
  return certificate.length === 0 ? undefined : read(peerCertificate(certificate));
}

const peers = new WeakMap<Buffer, X509Certificate>();

function peerCertificate(der: Buffer): X509Certificate {
  let certificate = peers.get(der);
  if (certificate === undefined) {
    certificate = new X509Certificate(der);
    peers.set(der, certificate);
  }
  return certificate;
}

/** Own certificates are few, but renewed; the oldest give way. */
const own = new Map<string, X509Certificate>();
const MOST_OWN = 16;

function ownCertificate(pem: string | undefined): X509Certificate | undefined {
  if (pem === undefined) return undefined;
  let certificate = own.get(pem);
  if (certificate === undefined) {
    certificate = new X509Certificate(pem);
    if (own.size >= MOST_OWN) own.clear();
    own.set(pem, certificate);
  }
  return certificate;
}
