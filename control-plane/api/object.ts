/** One configuration object as read from a source: Kubernetes' envelope around a typed spec. */
export interface ConfigObject<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  /** Where it stands; undefined when it did not come from a file. */
  readonly origin: Origin | undefined;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; the older of two conflicting objects wins. Folder sources leave it empty and names decide. */
  readonly creationTimestamp: string;
  readonly generation: number;
}

export interface Origin {
  /** Path as the user wrote it, relative to the watched folder. */
  readonly file: string;
  /** 1-based line of the document's first key. */
  readonly line: number;
  /** 1-based line of a field given by its path (`spec.http[0].timeout`), or of its nearest parent. */
  lineOf(path: string): number;
}

/** Something to tell the user about an object: schema errors, unsupported fields, broken references, conflicts. */
export interface Finding {
  /** Istio's analysis code (`IST0106`), or ours (`WEFT0001` …) where Istio has none. */
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  /** `VirtualService default/reviews`. */
  readonly object: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** `spec.http[0].route[1].weight`; empty when it is about the whole object. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

export type ObjectKey = string & { readonly __brand: 'ObjectKey' };

/** `VirtualService/default/reviews`: unique in a ConfigSet. */
export function objectKey(kind: string, namespace: string, name: string): ObjectKey {
  return `${kind}/${namespace}/${name}` as ObjectKey;
}
