import type { SdsSecretConfig } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SdsSecretConfig.js';
import type { Secret } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/Secret.js';
import type { Credential } from '../model/credentials.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { adsSource } from './messages.js';

const SCHEME = 'kubernetes://';
const ROOTS = '-cacert';

/** Reference to a Secret by its credentialName, which comes over the aggregated stream. */
export function credentialSecret(name: string): SdsSecretConfig {
  return { name: credentialResource(name), sds_config: adsSource };
}

/** Name of the resource for a credentialName. */
export function credentialResource(name: string): string {
  return name.startsWith(SCHEME) ? name : `${SCHEME}${name}`;
}

/** The name under which the roots of a credential are asked for; a Secret of that name goes before the credential's own. */
export function rootsOfCredential(name: string): string {
  return name.endsWith(ROOTS) ? name : `${name}${ROOTS}`;
}

/**
 * The named credentials (`kubernetes://NAME` or `kubernetes://NAMESPACE/NAME`) as a proxy of this namespace may have them:
 * only those of its own namespace. One that is not there, or not whole, is left out, and connections that need it fail.
 */
export function secretResources(
  snapshot: Pick<MeshSnapshot, 'credentials'>,
  namespace: string,
  names: Iterable<string>,
): Map<string, Secret> {
  const found = new Map<string, Secret>();
  for (const name of names) {
    const secret = resolve(snapshot.credentials, namespace, name);
    if (secret !== undefined) found.set(name, { name, ...secret });
  }
  return found;
}

function resolve(credentials: MeshSnapshot['credentials'], namespace: string, resource: string): Secret | undefined {
  if (!resource.startsWith(SCHEME)) return undefined;
  const path = resource.slice(SCHEME.length);
  const slash = path.indexOf('/');
  if (slash >= 0 && path.slice(0, slash) !== namespace) return undefined;
  const name = path.slice(slash + 1);
  const credential = credentials.get(`${namespace}/${name}`);
  if (!name.endsWith(ROOTS)) return credential === undefined ? undefined : certificate(credential);
  const base = credentials.get(`${namespace}/${name.slice(0, -ROOTS.length)}`);
  return roots(credential) ?? roots(base);
}

function certificate({ chain, key }: Credential): Secret | undefined {
  if (chain === undefined || key === undefined) return undefined;
  return { tls_certificate: { certificate_chain: { inline_bytes: chain }, private_key: { inline_bytes: key } } };
}

function roots(credential: Credential | undefined): Secret | undefined {
  if (credential?.roots === undefined) return undefined;
  const { roots: trusted, crl } = credential;
  return {
    validation_context: {
      trusted_ca: { inline_bytes: trusted },
      ...(crl !== undefined && { crl: { inline_bytes: crl } }),
    },
  };
}
