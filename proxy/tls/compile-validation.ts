import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../../common/runtime/errors.js';
import type { CertificateValidationContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CertificateValidationContext.js';
import type { CommonTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { SubjectAltNameMatcher__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SubjectAltNameMatcher.js';
import { compileStringMatcher } from '../router/matchers/string-matcher.js';
import type { Issues } from '../snapshot/issues.js';
import { sdsKey } from './compile-certificate.js';
import type { ValidationSettings } from './context.js';
import { readDataSource } from './data-source.js';

type Roots = ValidationSettings['roots'];
type SanMatcher = ValidationSettings['subjectAltNames'][number];

/** What a peer's certificate must satisfy, from whichever of the three forms a CommonTlsContext has. */
export function compileValidation(common: CommonTlsContext__Output, issues: Issues): ValidationSettings {
  const combined = common.combined_validation_context;
  if (combined !== undefined) {
    const at = issues.at('combined_validation_context');
    const settings = validationOf(combined.default_validation_context, at.at('default_validation_context'));
    const sds = combined.validation_context_sds_secret_config;
    if (sds === undefined) return settings;
    return { ...settings, roots: rootsBySds(sdsKey(sds, at.at('validation_context_sds_secret_config'))) };
  }
  const sds = common.validation_context_sds_secret_config;
  if (sds !== undefined) {
    return { roots: rootsBySds(sdsKey(sds, issues.at('validation_context_sds_secret_config'))), subjectAltNames: [] };
  }
  return validationOf(common.validation_context, issues.at('validation_context'));
}

/** PEM roots of a CertificateValidationContext; undefined when it has none, or after an error. */
export function readRoots(context: CertificateValidationContext__Output, issues: Issues): string | undefined {
  if (context.trusted_ca === undefined) return undefined;
  const at = issues.at('trusted_ca');
  const pem = readDataSource(context.trusted_ca, at);
  if (pem === undefined) return undefined;
  try {
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    at.error(messageOf(error));
    return undefined;
  }
}

/** PEM revocation lists of a CertificateValidationContext; undefined when it has none, or after an error. */
export function readCrl(context: CertificateValidationContext__Output, issues: Issues): string | undefined {
  if (context.crl === undefined) return undefined;
  const at = issues.at('crl');
  const pem = readDataSource(context.crl, at);
  if (pem === undefined) return undefined;
  try {
    createSecureContext({ crl: pem });
    return pem;
  } catch (error) {
    at.error(messageOf(error));
    return undefined;
  }
}

/** Names the fields that would make the verification stricter or looser than what we do. */
export function refuseUnsupportedValidation(context: CertificateValidationContext__Output, issues: Issues): void {
  issues.refuse(context, [
    'ca_certificate_provider_instance',
    'require_signed_certificate_timestamp',
    'allow_expired_certificate',
    'custom_validator_config',
    'max_verify_depth',
  ]);
  issues.ignore(context, ['watched_directory']);
}

function rootsBySds(name: string): Roots {
  return { kind: 'sds', name };
}

function validationOf(context: CertificateValidationContext__Output | undefined, issues: Issues): ValidationSettings {
  if (context === undefined) return { roots: { kind: 'none' }, subjectAltNames: [] };
  refuseUnsupportedValidation(context, issues);
  const pem = readRoots(context, issues);
  const crl = readCrl(context, issues);
  const typed = issues.at('match_typed_subject_alt_names');
  const untyped = issues.at('match_subject_alt_names');
  const subjectAltNames = [
    ...(context.match_typed_subject_alt_names ?? []).map((matcher, i) => compileSan(matcher, typed.at(i))),
    ...(context.match_subject_alt_names ?? []).map((matcher, i) => compileSan({ matcher }, untyped.at(i))),
  ];
  return {
    roots: pem === undefined ? { kind: 'none' } : { kind: 'inline', pem },
    ...(crl !== undefined && { crl }),
    ...pinsOf(context, issues),
    ...(context.trust_chain_verification === 'ACCEPT_UNTRUSTED' && { acceptsUntrusted: true }),
    subjectAltNames,
  };
}

function pinsOf(
  context: CertificateValidationContext__Output,
  issues: Issues,
): { readonly pins?: ReadonlySet<string> } {
  const spki = context.verify_certificate_spki ?? [];
  const hashes = (context.verify_certificate_hash ?? []).map((hash) => hash.replaceAll(':', '').toLowerCase());
  spki.forEach((pin, i) => {
    if (Buffer.from(pin, 'base64').length !== 32) issues.at('verify_certificate_spki').at(i).error('is no SHA-256');
  });
  hashes.forEach((hash, i) => {
    if (!/^[0-9a-f]{64}$/.test(hash)) issues.at('verify_certificate_hash').at(i).error('is no SHA-256');
  });
  return spki.length + hashes.length === 0 ? {} : { pins: new Set([...spki, ...hashes]) };
}

/** A matcher that cannot be compiled matches nothing, so that it never lets a foreign name in. */
function compileSan(message: SubjectAltNameMatcher__Output, issues: Issues): SanMatcher {
  const type = sanType(message.san_type);
  if (type === undefined) issues.at('san_type').error(`${message.san_type} is not supported`);
  const exact = message.matcher?.exact;
  if (type === 'dns' && exact !== undefined) return { type, matches: (name) => coversDnsName(name, exact) };
  const matches = compileStringMatcher(message.matcher, issues.at('matcher'));
  return { type: type ?? 'any', matches: matches ?? (() => false) };
}

/** Whether a DNS name of a certificate stands for `host`; its first label may be `*` (RFC 9525 section 6.3). */
export function coversDnsName(certified: string, host: string): boolean {
  const name = certified.toLowerCase();
  const wanted = host.toLowerCase();
  if (name === wanted) return true;
  const dot = wanted.indexOf('.');
  return dot > 0 && name.startsWith('*.') && name.indexOf('.', 2) > 0 && name.slice(1) === wanted.slice(dot);
}

function sanType(type: SubjectAltNameMatcher__Output['san_type']): SanMatcher['type'] | undefined {
  switch (type) {
    case 'URI':
      return 'uri';
    case 'DNS':
      return 'dns';
    case undefined:
    case 'SAN_TYPE_UNSPECIFIED':
      return 'any';
    default:
      return undefined;
  }
}
