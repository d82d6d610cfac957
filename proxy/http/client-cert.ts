import type { ConnectionManagerConfig } from './connection-manager-config.js';
import type { HeaderList } from './headers.js';
import type { PeerInfo } from './stream-info.js';

const XFCC = 'x-forwarded-client-cert';

/**
 * Sanitizes and sets X-Forwarded-Client-Cert as forward_client_cert_details says. What a client claims about a third
 * party is kept only in the two forwarding modes, and over mTLS alone unless forwarding is unconditional.
 */
export function applyClientCert(headers: HeaderList, peer: PeerInfo, config: ConnectionManagerConfig): void {
  const mode = config.forwardClientCert;
  if (mode === 'always-forward-only') return;
  if (mode === 'sanitize' || !peer.mtls) {
    headers.delete(XFCC);
    return;
  }
  if (mode === 'forward-only') return;
  const element = describePeer(peer, config.clientCertDetails);
  if (element === '') {
    if (mode === 'sanitize-set') headers.delete(XFCC);
    return;
  }
  const received = mode === 'append-forward' ? headers.joined(XFCC) : undefined;
  headers.set(XFCC, received === undefined ? element : `${received},${element}`);
}

/** PEM in the URL encoding that Envoy uses. */
export function encodedPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  return pem.replaceAll(/[\n +/=]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

type Details = ConnectionManagerConfig['clientCertDetails'];

const elements = new WeakMap<PeerInfo, { readonly details: Details; readonly element: string }>();

/** One element, built once a connection: By and Hash always, the rest as configured. */
function describePeer(peer: PeerInfo, details: Details): string {
  const known = elements.get(peer);
  if (known !== undefined && known.details === details) return known.element;
  const parts: string[] = [];
  if (peer.localUriSan !== undefined) parts.push(`By=${peer.localUriSan}`);
  if (peer.sha256 !== '') parts.push(`Hash=${peer.sha256}`);
  if (details.cert && peer.certificate.length > 0) parts.push(`Cert="${encodedPem(peer.certificate)}"`);
  if (details.subject) parts.push(`Subject="${peer.subject.replaceAll('"', '\\"')}"`);
  if (details.uri) parts.push(`URI=${peer.uriSan ?? ''}`);
  if (details.dns) for (const name of peer.dnsSans) parts.push(`DNS=${name}`);
  const element = parts.join(';');
  elements.set(peer, { details, element });
  return element;
}
