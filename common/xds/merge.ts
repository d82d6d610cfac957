import protobuf from 'protobufjs/light.js';
import { messageType } from './codec.js';
import { typeOf } from './message-types.js';

type Fields = { [key: string]: unknown };

/** Whether elements of a list come after those that are there, or in their place. */
export type Lists = 'append' | 'replace';

/**
 * One message merged into another, as protobuf merges: fields that are set win, messages are merged, lists grow, of a oneof
 * the new member stays. An Any is merged with one of its own type. Durations, wrapped scalars and the entries of maps are
 * replaced whole. Neither argument is changed.
 */
export function mergeMessages(typeUrl: string, base: object, added: object, lists: Lists = 'append'): object {
  const type = messageType(typeUrl);
  if (type === undefined) throw new TypeError(`unknown type ${typeUrl}`);
  return merged(type, base as Fields, added as Fields, lists);
}

function merged(type: protobuf.Type, base: Fields, added: Fields, lists: Lists): Fields {
  const result: Fields = { ...base };
  for (const field of type.fieldsArray) {
    const value = added[field.name];
    if (value === undefined || value === null || !Object.hasOwn(added, field.name) || isUnset(field, value)) continue;
    for (const { name } of field.partOf?.fieldsArray ?? []) if (name !== field.name) delete result[name];
    result[field.name] = mergedField(field, result[field.name], value, lists);
  }
  return result;
}

function mergedField(field: protobuf.Field, base: unknown, added: unknown, lists: Lists): unknown {
  if (base === undefined || base === null) return added;
  if (field instanceof protobuf.MapField) return { ...(base as Fields), ...(added as Fields) };
  if (field.repeated) return lists === 'append' ? [...(base as unknown[]), ...(added as unknown[])] : added;
  const resolvedType = typeOf(field);
  if (!(resolvedType instanceof protobuf.Type)) return added;
  if (resolvedType.fullName === '.google.protobuf.Any') return mergedAny(base as Fields, added as Fields, lists);
  if (resolvedType.fullName.startsWith('.google.protobuf.')) return added;
  return merged(resolvedType, base as Fields, added as Fields, lists);
}

function mergedAny(base: Fields, added: Fields, lists: Lists): Fields {
  const typeUrl = added['@type'];
  const type = typeof typeUrl === 'string' && typeUrl === base['@type'] ? messageType(typeUrl) : undefined;
  return type === undefined ? added : { ...merged(type, base, added, lists), '@type': typeUrl };
}

/** What proto3 cannot tell from an absent field changes nothing. */
function isUnset(field: protobuf.Field, value: unknown): boolean {
  if (field.repeated || field instanceof protobuf.MapField || field.partOf !== null) return false;
  const resolvedType = typeOf(field);
  if (resolvedType instanceof protobuf.Type) return false;
  if (resolvedType instanceof protobuf.Enum) return value === 0 || value === resolvedType.valuesById[0];
  return value === 0 || value === '' || value === false || (value instanceof Uint8Array && value.length === 0);
}
