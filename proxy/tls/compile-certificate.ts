import { createPrivateKey, X509Certificate } from 'node:crypto';
import { messageOf } from '../../common/runtime/errors.js';
import { SDS_CLUSTER } from '../../common/xds/names.js';
import type { CommonTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { SdsSecretConfig__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SdsSecretConfig.js';
import type { TlsCertificate__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/TlsCertificate.js';
import type { Issues } from '../snapshot/issues.js';
import type { SecretRef } from './context.js';
import { readDataSource } from './data-source.js';
import { type Secret, secretKey } from './secrets.js';

/** The certificates of a CommonTlsContext. */
export function compileCertificates(common: CommonTlsContext__Output, issues: Issues): SecretRef[] {
  const sds = common.tls_certificate_sds_secret_configs ?? [];
  const inline = sds.length > 0 ? [] : (common.tls_certificates ?? []);
  const named = issues.at('tls_certificate_sds_secret_configs');
  const given = issues.at('tls_certificates');
  return [
    ...sds.map((config, i): SecretRef => ({ kind: 'sds', name: sdsKey(config, named.at(i)) })),
    ...inline.map((message, i): SecretRef => {
      const pair = readCertificate(message, given.at(i));
      return pair === undefined ? { kind: 'none' } : { ...pair, kind: 'inline' };
    }),
  ];
}

/** Chain and key of a TlsCertificate, checked against each other. */
export function readCertificate(
  message: TlsCertificate__Output,
  issues: Issues,
): (Secret & { kind: 'certificate' }) | undefined {
  issues.refuse(message, ['pkcs12', 'password']);
  issues.ignore(message, ['ocsp_staple', 'signed_certificate_timestamp', 'watched_directory']);
  const certificateChain = readDataSource(message.certificate_chain, issues.at('certificate_chain'));
  const privateKey = readDataSource(message.private_key, issues.at('private_key'));
  if (certificateChain === undefined || privateKey === undefined) return undefined;
  try {
    if (!new X509Certificate(certificateChain).checkPrivateKey(createPrivateKey(privateKey))) {
      issues.at('private_key').error('does not belong to the certificate');
      return undefined;
    }
  } catch (error) {
    issues.error(messageOf(error));
    return undefined;
  }
  return { kind: 'certificate', certificateChain, privateKey };
}

/** Key in the secret store of what an SdsSecretConfig names, by where its source says it comes from. */
export function sdsKey(config: SdsSecretConfig__Output, issues: Issues): string {
  const name = config.name ?? '';
  if (name === '') issues.at('name').error('is empty');
  const source = config.sds_config;
  if (source === undefined) return secretKey('static', name);
  if (source.ads !== undefined) return secretKey('ads', name);
  const services = source.api_config_source?.grpc_services ?? [];
  if (services[0]?.envoy_grpc?.cluster_name === SDS_CLUSTER) return secretKey('local', name);
  issues.at('sds_config').error(`only ads and the cluster ${SDS_CLUSTER} are supported`);
  return secretKey('static', name);
}
