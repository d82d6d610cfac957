import { TYPE } from '../../common/xds/type-urls.js';
import type { Secret__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/Secret.js';
import { Issues } from '../snapshot/issues.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import { readCertificate } from './compile-certificate.js';
import { readCrl, readRoots, refuseUnsupportedValidation } from './compile-validation.js';
import { type Secret, type SecretSource, type SecretStore, secretKey } from './secrets.js';

/** SDS: puts Secret resources of one source into the store. */
export class SecretHandler implements ResourceHandler {
  readonly typeUrl = TYPE.secret;

  constructor(
    private readonly secrets: SecretStore,
    private readonly source: SecretSource,
  ) {}

  apply(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      const issues = new Issues();
      const secret = compileSecret(message, issues);
      if (secret !== undefined && issues.errors.length === 0) this.secrets.set(secretKey(this.source, name), secret);
      else errors.push({ resource: name, message: issues.errors.join('; ') });
    }
    for (const name of update.removals) this.secrets.delete(secretKey(this.source, name));
    return errors;
  }
}

function compileSecret(message: Secret__Output, issues: Issues): Secret | undefined {
  if (message.tls_certificate !== undefined)
    return readCertificate(message.tls_certificate, issues.at('tls_certificate'));
  const validation = message.validation_context;
  if (validation === undefined) {
    issues.error('is neither a tls_certificate nor a validation_context');
    return undefined;
  }
  const at = issues.at('validation_context');
  refuseUnsupportedValidation(validation, at);
  at.refuse(validation, [
    'match_typed_subject_alt_names',
    'match_subject_alt_names',
    'verify_certificate_spki',
    'verify_certificate_hash',
  ]);
  if (validation.trust_chain_verification === 'ACCEPT_UNTRUSTED') at.refuse(validation, ['trust_chain_verification']);
  const pem = readRoots(validation, at);
  if (pem === undefined && issues.errors.length === 0) at.error('has no trusted_ca');
  const crl = readCrl(validation, at);
  return pem === undefined ? undefined : { kind: 'roots', pem, ...(crl !== undefined && { crl }) };
}
