/**
 * google.protobuf.Struct, Value and ListValue as protobufjs holds them (its built-in definitions have camelCase
 * members, unlike all our other messages) and the JSON values that they stand for.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface StructMessage {
  readonly fields?: { readonly [key: string]: ValueMessage } | undefined;
}

export interface ListMessage {
  readonly values?: readonly ValueMessage[] | undefined;
}

export interface ValueMessage {
  readonly nullValue?: 'NULL_VALUE' | 0 | undefined;
  readonly numberValue?: number | undefined;
  readonly stringValue?: string | undefined;
  readonly boolValue?: boolean | undefined;
  readonly structValue?: StructMessage | undefined;
  readonly listValue?: ListMessage | undefined;
}

export function toStruct(json: { readonly [key: string]: unknown }): StructMessage {
  const fields: Record<string, ValueMessage> = {};
  for (const [key, value] of Object.entries(json)) {
    if (value !== undefined) define(fields, key, toValue(value));
  }
  return { fields };
}

/** What is no JSON (functions, symbols, bigints) throws a TypeError; an undefined list element becomes null. */
export function toValue(json: unknown): ValueMessage {
  if (json === null || json === undefined) return { nullValue: 'NULL_VALUE' };
  switch (typeof json) {
    case 'boolean':
      return { boolValue: json };
    case 'number':
      return { numberValue: json };
    case 'string':
      return { stringValue: json };
    case 'object':
      if (Array.isArray(json)) return { listValue: { values: json.map(toValue) } };
      return { structValue: toStruct(json as { readonly [key: string]: unknown }) };
    default:
      throw new TypeError(`a ${typeof json} is no JSON value`);
  }
}

export function fromStruct(struct: StructMessage): { [key: string]: Json } {
  const json: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(struct.fields ?? {})) define(json, key, fromValue(value));
  return json;
}

/** A Value without any member set is null. */
export function fromValue(value: ValueMessage): Json {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.structValue !== undefined) return fromStruct(value.structValue);
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(fromValue);
  return null;
}

/** Sets an own property whatever its name; plain assignment to `__proto__` would change the prototype instead. */
export function define<T>(target: { [key: string]: T }, key: string, value: T): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
