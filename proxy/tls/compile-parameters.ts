import type { TlsParameters__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/TlsParameters.js';
import type { Issues } from '../snapshot/issues.js';
import type { TlsParameters } from './context.js';

/**
 * Compiles TlsParameters. TLS 1.0 and 1.1 are raised to 1.2. Unlike Envoy's client we offer 1.3 unless told not to:
 * the stricter default cannot fail with a peer that knows only 1.2.
 */
export function compileParameters(params: TlsParameters__Output | undefined, issues: Issues): TlsParameters {
  const minVersion = params?.tls_minimum_protocol_version === 'TLSv1_3' ? 'TLSv1.3' : 'TLSv1.2';
  const maxVersion = maximum(params?.tls_maximum_protocol_version);
  if (maxVersion === undefined) {
    issues.at('tls_maximum_protocol_version').error('versions below TLSv1_2 are not supported');
  } else if (minVersion > maxVersion) {
    issues.error('tls_minimum_protocol_version is above tls_maximum_protocol_version');
  }
  if (params !== undefined) issues.ignore(params, ['signature_algorithms']);
  const ciphers = cipherList(params?.cipher_suites ?? []);
  const groups = groupList(params?.ecdh_curves ?? [], issues.at('ecdh_curves'));
  return { minVersion, maxVersion: maxVersion ?? 'TLSv1.3', ciphers, groups };
}

/** What both OpenSSL and BoringSSL know, by either's name. */
const GROUPS = new Set(['X25519', 'P-256', 'P-384', 'P-521']);
/** Post-quantum, which OpenSSL has from 3.5 on: Node 24. */
const HYBRID = 'X25519MLKEM768';

/** Envoy's default. OpenSSL's begins with the hybrid group where it has that: a quarter more for a handshake, and 2 KB. */
const DEFAULT_GROUPS = 'X25519:P-256';

function groupList(curves: readonly string[], issues: Issues): string {
  if (curves.length === 0) return DEFAULT_GROUPS;
  const known = curves.filter((curve) => GROUPS.has(curve) || (curve === HYBRID && hasHybrid()));
  const unknown = curves.filter((curve) => !known.includes(curve));
  if (known.length === 0) issues.error(`none of ${curves.join(', ')} is known here`);
  else if (unknown.length > 0) issues.warn(`not known here: ${unknown.join(', ')}`);
  return known.join(':');
}

function hasHybrid(): boolean {
  const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 5);
}

function maximum(version: TlsParameters__Output['tls_maximum_protocol_version']): 'TLSv1.2' | 'TLSv1.3' | undefined {
  switch (version) {
    case 'TLSv1_0':
    case 'TLSv1_1':
      return undefined;
    case 'TLSv1_2':
      return 'TLSv1.2';
    default:
      return 'TLSv1.3';
  }
}

/**
 * BoringSSL's list as OpenSSL takes it: groups of equal preference (`[A|B]`) become plain neighbours. BoringSSL has
 * no setting for the suites of TLS 1.3, so those stay in front.
 */
function cipherList(suites: readonly string[]): string {
  if (suites.length === 0) return DEFAULT_SUITES;
  const names = suites.flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'));
  return [...TLS13_SUITES, ...names].join(':');
}

/** In BoringSSL's order, for processors that know AES; OpenSSL's begins with the suites that are dearer. */
const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Envoy's default: forward secrecy and authenticated encryption only, where OpenSSL's has CBC and static RSA too. */
const DEFAULT_SUITES = [
  ...TLS13_SUITES,
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');
