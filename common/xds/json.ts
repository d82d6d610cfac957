import protobuf from 'protobufjs/light.js';
import { messageType } from './codec.js';
import {
  describe,
  durationFromJson,
  durationToJson,
  JsonValueError,
  scalarDefault,
  scalarFromJson,
  scalarToJson,
  timestampFromJson,
  timestampToJson,
} from './json-scalars.js';
import { typeOf } from './message-types.js';
import { define, fromStruct, fromValue, type StructMessage, toStruct, toValue, type ValueMessage } from './struct.js';

/**
 * The proto3 JSON mapping (protobuf.dev/programming-guides/json) between JSON or YAML as people write it for Envoy
 * and messages as {@link import('./codec.js')} holds them.
 */
export interface JsonError {
  /** Where, in the names of the input: `static_resources.listeners[0].foo`; empty for the message itself. */
  readonly path: string;
  readonly message: string;
}

/** Messages nested deeper than this are refused, as protobuf's own parsers do. */
const MAX_DEPTH = 100;

type Fields = { [key: string]: unknown };

/**
 * A message from its JSON. All errors are collected; a field that has one is left out of the message. A type URL
 * that we do not carry is an error at the place where it stands.
 */
export function fromJson(typeUrl: string, value: unknown): { message: object; errors: JsonError[] } {
  const errors: JsonError[] = [];
  const type = messageType(typeUrl);
  if (type === undefined) return { message: {}, errors: [{ path: '', message: `unknown type ${typeUrl}` }] };
  const message = new Reader(errors).message(type, value, '', 0);
  return { message: message ?? {}, errors };
}

/**
 * The JSON of a message as Envoy prints it: field names in snake_case, absent fields absent. An unpacked or packed Any
 * of a type that we do not carry keeps its members.
 */
export function toJson(typeUrl: string, message: object): unknown {
  const type = messageType(typeUrl);
  if (type === undefined) throw new TypeError(`unknown type ${typeUrl}`);
  return messageToJson(type, message);
}

class Reader {
  constructor(private readonly errors: JsonError[]) {}

  message(type: protobuf.Type, value: unknown, path: string, depth: number): object | undefined {
    if (depth > MAX_DEPTH) return this.fail(path, `nested deeper than ${MAX_DEPTH} messages`);
    const special = WELL_KNOWN[type.fullName];
    if (special !== undefined) return this.attempt(path, () => special.fromJson(value)) as object | undefined;
    if (isWrapper(type)) {
      const scalar = this.attempt(path, () => scalarFromJson(wrappedType(type), value));
      return scalar === undefined ? undefined : { value: scalar };
    }
    if (type.fullName === ANY) return this.any(value, path, depth);
    if (!isObject(value)) return this.fail(path, `expected an object, got ${describe(value)}`);
    return this.fields(type, value, path, depth);
  }

  private fields(type: protobuf.Type, value: Fields, path: string, depth: number): object {
    const message: Fields = {};
    const oneofs = new Map<protobuf.OneOf, string>();
    for (const [key, member] of Object.entries(value)) {
      if (key === '@type') continue;
      const at = join(path, key);
      const field = fieldNamed(type, key);
      if (field === undefined) {
        this.fail(at, `unknown field of ${type.fullName.slice(1)}`);
        continue;
      }
      if (isAbsent(field, member)) continue;
      const other = field.partOf === null ? undefined : oneofs.get(field.partOf);
      if (other !== undefined) {
        this.fail(at, `only one of ${other} and ${key} may be set`);
        continue;
      }
      if (field.partOf !== null) oneofs.set(field.partOf, key);
      if (Object.hasOwn(message, field.name)) this.fail(at, 'given twice');
      const read = this.field(field, member, at, depth);
      if (read !== undefined) message[field.name] = read;
    }
    return message;
  }

  private field(field: protobuf.Field, value: unknown, path: string, depth: number): unknown {
    if (field instanceof protobuf.MapField) return this.map(field, value, path, depth);
    if (!field.repeated) return this.single(field, value, path, depth);
    if (!Array.isArray(value)) return this.fail(path, `expected a list, got ${describe(value)}`);
    return value
      .map((element, index) => this.single(field, element, `${path}[${index}]`, depth))
      .filter((element) => element !== undefined);
  }

  private map(field: protobuf.MapField, value: unknown, path: string, depth: number): object | undefined {
    if (!isObject(value)) return this.fail(path, `expected an object, got ${describe(value)}`);
    const entries: Fields = {};
    for (const [key, member] of Object.entries(value)) {
      const read = this.single(field, member, join(path, key), depth);
      if (read !== undefined) define(entries, key, read);
    }
    return entries;
  }

  private single(field: protobuf.FieldBase, value: unknown, path: string, depth: number): unknown {
    const resolved = typeOf(field);
    if (resolved instanceof protobuf.Type) return this.message(resolved, value, path, depth + 1);
    return this.attempt(path, () =>
      resolved instanceof protobuf.Enum ? enumFromJson(resolved, value) : scalarFromJson(field.type, value),
    );
  }

  private any(value: unknown, path: string, depth: number): object | undefined {
    if (!isObject(value)) return this.fail(path, `expected an object with @type, got ${describe(value)}`);
    const typeUrl = value['@type'];
    if (typeUrl === undefined && Object.keys(value).length === 0) return {};
    if (typeof typeUrl !== 'string') return this.fail(path, 'has no @type');
    const type = messageType(typeUrl);
    if (type === undefined) return this.fail(path, `unknown type ${typeUrl}`);
    const inner = isSpecial(type)
      ? this.message(type, value['value'], join(path, 'value'), depth + 1)
      : this.message(type, value, path, depth + 1);
    return inner === undefined ? undefined : { '@type': typeUrl, ...inner };
  }

  private attempt(path: string, read: () => unknown): unknown {
    try {
      return read();
    } catch (error) {
      if (error instanceof JsonValueError) return this.fail(path, error.message);
      throw error;
    }
  }

  private fail(path: string, message: string): undefined {
    this.errors.push({ path, message });
    return undefined;
  }
}

function messageToJson(type: protobuf.Type, message: object): unknown {
  const special = WELL_KNOWN[type.fullName];
  if (special !== undefined) return special.toJson(message);
  const fields = message as Fields;
  if (isWrapper(type)) {
    const scalar = wrappedType(type);
    return scalarToJson(scalar, fields['value'] ?? scalarDefault(scalar));
  }
  if (type.fullName === ANY) return anyToJson(fields);
  const json: Fields = {};
  for (const field of type.fieldsArray) {
    const value = fields[field.name];
    if (value !== undefined && value !== null && Object.hasOwn(fields, field.name)) {
      json[field.name] = fieldToJson(field, value);
    }
  }
  return json;
}

function fieldToJson(field: protobuf.Field, value: unknown): unknown {
  if (field instanceof protobuf.MapField) {
    const json: Fields = {};
    for (const [key, member] of Object.entries(value as Fields)) define(json, key, singleToJson(field, member));
    return json;
  }
  return field.repeated
    ? (value as unknown[]).map((element) => singleToJson(field, element))
    : singleToJson(field, value);
}

function singleToJson(field: protobuf.FieldBase, value: unknown): unknown {
  const resolved = typeOf(field);
  if (resolved instanceof protobuf.Type) return messageToJson(resolved, value as object);
  if (resolved instanceof protobuf.Enum) {
    return typeof value === 'number' ? (resolved.valuesById[value] ?? value) : value;
  }
  return scalarToJson(field.type, value);
}

function anyToJson(any: Fields): unknown {
  const typeUrl = any['@type'];
  if (typeof typeUrl !== 'string') {
    if (any['type_url'] === undefined) return {};
    return { '@type': any['type_url'], value: scalarToJson('bytes', any['value'] ?? Buffer.alloc(0)) };
  }
  const type = messageType(typeUrl);
  if (type === undefined) return { ...any };
  const inner = messageToJson(type, any);
  return isSpecial(type) ? { '@type': typeUrl, value: inner } : { '@type': typeUrl, ...(inner as object) };
}

const ANY = '.google.protobuf.Any';

interface WellKnown {
  fromJson(value: unknown): object;
  toJson(message: object): unknown;
}

/** Types whose JSON is not the object of their fields; wrappers and Any are handled apart. */
const WELL_KNOWN: Readonly<Record<string, WellKnown>> = {
  '.google.protobuf.Duration': { fromJson: durationFromJson, toJson: durationToJson },
  '.google.protobuf.Timestamp': { fromJson: timestampFromJson, toJson: timestampToJson },
  '.google.protobuf.Struct': {
    fromJson: (value) => {
      if (!isObject(value)) throw new JsonValueError(`expected an object, got ${describe(value)}`);
      return toStruct(value);
    },
    toJson: (message) => fromStruct(message as StructMessage),
  },
  '.google.protobuf.Value': { fromJson: toValue, toJson: (message) => fromValue(message as ValueMessage) },
  '.google.protobuf.ListValue': {
    fromJson: (value) => {
      if (!Array.isArray(value)) throw new JsonValueError(`expected a list, got ${describe(value)}`);
      return { values: value.map(toValue) };
    },
    toJson: (message) => fromValue({ listValue: message }),
  },
  '.google.protobuf.FieldMask': {
    fromJson: (value) => {
      if (typeof value !== 'string') throw new JsonValueError(`expected field names, got ${describe(value)}`);
      const snake = (path: string) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return { paths: value === '' ? [] : value.split(',').map(snake) };
    },
    toJson: (message) => ((message as { paths?: string[] }).paths ?? []).map(camelCase).join(','),
  },
};

const WRAPPER = /^\.google\.protobuf\.(Double|Float|Int64|UInt64|Int32|UInt32|Bool|String|Bytes)Value$/;

function isWrapper(type: protobuf.Type): boolean {
  return WRAPPER.test(type.fullName);
}

function wrappedType(type: protobuf.Type): string {
  return type.fields['value']?.type ?? 'string';
}

/** Whether the JSON form of an Any of this type holds it as member `value`. */
function isSpecial(type: protobuf.Type): boolean {
  return WELL_KNOWN[type.fullName] !== undefined || isWrapper(type) || type.fullName === ANY;
}

/** JSON null is an absent field, but where null is a value of its own. */
function isAbsent(field: protobuf.Field, value: unknown): boolean {
  if (value === undefined) return true;
  const name = typeOf(field)?.fullName;
  return value === null && name !== '.google.protobuf.Value' && name !== '.google.protobuf.NullValue';
}

function enumFromJson(type: protobuf.Enum, value: unknown): string | number {
  if (value === null && type.fullName === '.google.protobuf.NullValue') return 'NULL_VALUE';
  if (typeof value === 'string' && Object.hasOwn(type.values, value)) return value;
  if (typeof value === 'number' && Number.isInteger(value)) {
    const name = type.valuesById[value];
    if (name !== undefined) return name;
  }
  throw new JsonValueError(`${describe(value)} is no value of ${type.fullName.slice(1)}`);
}

const fieldNames = new WeakMap<protobuf.Type, ReadonlyMap<string, protobuf.Field>>();

function fieldNamed(type: protobuf.Type, key: string): protobuf.Field | undefined {
  let names = fieldNames.get(type);
  if (names === undefined) {
    names = new Map(
      type.fieldsArray.flatMap((field) => [[field.name, field] as const, [camelCase(field.name), field] as const]),
    );
    fieldNames.set(type, names);
  }
  return names.get(key);
}

/** protoc's json_name: underscores go and the letter after them is upper-case. */
function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9]?)/gi, (_, letter: string) => letter.toUpperCase());
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
