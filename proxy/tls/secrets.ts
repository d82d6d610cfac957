/** A certificate with its key, or the roots that a peer must chain to. PEM throughout. */
export type Secret =
  | { readonly kind: 'certificate'; readonly certificateChain: string; readonly privateKey: string }
  | {
      readonly kind: 'roots';
      readonly pem: string;
      readonly crl?: string;
      /** Roots of other trust domains by their names; each vouches for its own names only, and `pem` for none of them. */
      readonly federated?: ReadonlyMap<string, string>;
    };

/** Who answers for a secret. */
export type SecretSource = 'local' | 'ads' | 'static';

/**
 * Key under which a secret is kept. What the proxy's own certificate client answers has its plain name; secrets of
 * other sources carry the source, so that a `default` from an xDS server is never taken for the workload's own.
 */
export function secretKey(source: SecretSource, name: string): string {
  return source === 'local' ? name : `${source}:${name}`;
}

/** The SDS names among some keys, for the subscription at the xDS server. */
export function adsSecretNames(keys: Iterable<string>): Set<string> {
  const names = new Set<string>();
  for (const key of keys) if (key.startsWith('ads:')) names.add(key.slice(4));
  return names;
}

export interface SecretWatch {
  cancel(): void;
}

/** The current value of every secret. Values are replaced, never changed; watchers are told after the replacement. */
export class SecretStore {
  private readonly values = new Map<string, Secret>();
  private readonly watchers = new Set<(key: string) => void>();

  get(key: string): Secret | undefined {
    return this.values.get(key);
  }

  keys(): string[] {
    return [...this.values.keys()];
  }

  set(key: string, secret: Secret): void {
    this.values.set(key, secret);
    this.notify(key);
  }

  delete(key: string): void {
    if (this.values.delete(key)) this.notify(key);
  }

  /** Tells of every change, of any key. */
  watch(listener: (key: string) => void): SecretWatch {
    this.watchers.add(listener);
    return { cancel: () => this.watchers.delete(listener) };
  }

  private notify(key: string): void {
    for (const listener of [...this.watchers]) listener(key);
  }
}
