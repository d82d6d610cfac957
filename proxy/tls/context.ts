/**
 * TLS settings compiled from DownstreamTlsContext and UpstreamTlsContext. Certificates and roots are named secrets
 * whose current value the secret store knows, so that a rotation swaps a context without touching a connection.
 */
export interface TlsParameters {
  /** `TLSv1.2` or `TLSv1.3`, as node:tls names them. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL names joined by colons; undefined leaves the library's. */
  readonly ciphers: string | undefined;
  /** Groups for the key exchange, likewise; undefined leaves the library's. */
  readonly groups?: string;
}

/** A secret by its SDS name, or given in place. */
export type SecretRef =
  | { readonly kind: 'sds'; readonly name: string }
  | { readonly kind: 'inline'; readonly certificateChain: string; readonly privateKey: string }
  | { readonly kind: 'none' };

export interface ValidationSettings {
  /** Roots: an SDS name, PEM given in place, or the system's. */
  readonly roots:
    | { readonly kind: 'sds'; readonly name: string }
    | { readonly kind: 'inline'; readonly pem: string }
    | { readonly kind: 'none' };
  /** Revocation lists for every certificate of the chain, PEM; those of a secret with roots go with it. */
  readonly crl?: string;
  /** Digests of which one must be that of the peer's certificate (hex), or of its public key (base64); SHA-256. */
  readonly pins?: ReadonlySet<string>;
  /** A certificate that no root vouches for is let in, and proves nothing. */
  readonly acceptsUntrusted?: boolean;
  /** Any of these must match a SAN; empty accepts every name below the roots. */
  readonly subjectAltNames: readonly { readonly type: 'uri' | 'dns' | 'any'; matches(value: string): boolean }[];
}

export interface DownstreamTls {
  readonly parameters: TlsParameters;
  readonly certificate: SecretRef;
  /** Others for clients that want another kind of key. */
  readonly moreCertificates?: readonly SecretRef[];
  readonly validation: ValidationSettings;
  readonly requireClientCertificate: boolean;
  /** In order of preference. */
  readonly alpn: readonly string[];
}

export interface UpstreamTls {
  readonly parameters: TlsParameters;
  readonly certificate: SecretRef;
  readonly validation: ValidationSettings;
  readonly sni: string;
  readonly alpn: readonly string[];
}
