import type { SecretSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';

/** What TLS can take from a Secret. PEM; whether it can be read is the proxy's business. */
export interface Credential {
  readonly chain: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly roots: Buffer | undefined;
  readonly crl: Buffer | undefined;
}

/** Credentials by `namespace/name`, with the keys of type `kubernetes.io/tls` and those of Istio's generic Secrets. */
export function buildCredentials(secrets: readonly ConfigObject<SecretSpec>[]): ReadonlyMap<string, Credential> {
  return new Map(
    secrets.map(({ metadata, spec }) => {
      const of = (...keys: readonly string[]): Buffer | undefined => {
        for (const key of keys) {
          const text = spec.stringData?.[key];
          if (text !== undefined) return Buffer.from(text);
          const data = spec.data?.[key];
          if (data !== undefined) return Buffer.from(data, 'base64');
        }
        return undefined;
      };
      const credential = {
        chain: of('tls.crt', 'cert'),
        key: of('tls.key', 'key'),
        roots: of('ca.crt', 'cacert'),
        crl: of('ca.crl', 'crl'),
      };
      return [`${metadata.namespace}/${metadata.name}`, credential] as const;
    }),
  );
}
