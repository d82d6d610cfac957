/** A value as google.protobuf.Value has it. */
export type MetadataValue = string | number | boolean | null | readonly MetadataValue[] | MetadataFields;

export interface MetadataFields {
  readonly [key: string]: MetadataValue;
}

/** What filters learnt about a request, by the filter's name (Envoy's dynamic metadata). */
export type DynamicMetadata = ReadonlyMap<string, MetadataFields>;

/** Adds fields of a filter; those that are there already are replaced as a whole. */
export function setDynamicMetadata(
  info: { metadata: Map<string, MetadataFields> | undefined },
  filter: string,
  fields: MetadataFields,
): void {
  const before = info.metadata?.get(filter);
  info.metadata ??= new Map();
  info.metadata.set(filter, before === undefined ? fields : { ...before, ...fields });
}

/** The value at a path of keys below a filter's fields, or undefined. */
export function metadataAt(
  metadata: DynamicMetadata | undefined,
  filter: string,
  path: readonly string[],
): MetadataValue | undefined {
  let value: MetadataValue | undefined = metadata?.get(filter);
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = (value as MetadataFields)[key];
  }
  return value;
}
