/** Scalars, Duration, Timestamp and FieldMask of the proto3 JSON mapping, apart from messages and paths. */

/** A value that does not fit its field; the message completes the sentence "FIELD: …". */
export class JsonValueError extends Error {}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-0x80000000, 0x7fffffff],
  sint32: [-0x80000000, 0x7fffffff],
  sfixed32: [-0x80000000, 0x7fffffff],
  uint32: [0, 0xffffffff],
  fixed32: [0, 0xffffffff],
  int64: [-(2 ** 63), 2 ** 63],
  sint64: [-(2 ** 63), 2 ** 63],
  sfixed64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
  fixed64: [0, 2 ** 64],
};

/** Whether the type is one of the five 64-bit integers, which JSON output writes as strings. */
export function isLong(type: string): boolean {
  return type.endsWith('64') && type !== 'float64';
}

/** A protobuf scalar from JSON; `type` is its name in .proto files. */
export function scalarFromJson(type: string, value: unknown): unknown {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw new JsonValueError(`expected a string, got ${describe(value)}`);
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw new JsonValueError(`expected true or false, got ${describe(value)}`);
      return value;
    case 'bytes':
      return bytesFromJson(value);
    case 'double':
    case 'float':
      return floatFromJson(value);
    default:
      return integerFromJson(type, value);
  }
}

/** The JSON of a scalar as Envoy prints it: 64-bit integers as strings, bytes as base64. */
export function scalarToJson(type: string, value: unknown): unknown {
  if (type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  if (isLong(type)) return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

/** The value of an absent scalar. */
export function scalarDefault(type: string): unknown {
  if (type === 'string') return '';
  if (type === 'bool') return false;
  return type === 'bytes' ? Buffer.alloc(0) : 0;
}

export function durationFromJson(value: unknown): { seconds?: number; nanos?: number } {
  const match = typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (match === null) throw new JsonValueError(`expected a duration such as 1.5s, got ${describe(value)}`);
  const sign = match[1] === '-' ? -1 : 1;
  return secondsAndNanos(sign * Number(match[2]), sign * nanosOf(match[3]));
}

export function durationToJson(message: { seconds?: number; nanos?: number }): string {
  const seconds = Number(message.seconds ?? 0);
  const nanos = Number(message.nanos ?? 0);
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

export function timestampFromJson(value: unknown): { seconds?: number; nanos?: number } {
  const match =
    typeof value === 'string'
      ? /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/.exec(value)
      : null;
  const epoch = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`.toUpperCase());
  if (Number.isNaN(epoch)) throw new JsonValueError(`expected an RFC 3339 time, got ${describe(value)}`);
  return secondsAndNanos(epoch / 1000, nanosOf(match?.[2]));
}

export function timestampToJson(message: { seconds?: number; nanos?: number }): string {
  const date = new Date(Number(message.seconds ?? 0) * 1000);
  return `${date.toISOString().slice(0, 19)}${fraction(Number(message.nanos ?? 0))}Z`;
}

/** What a value is, for error messages; long ones are cut. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function secondsAndNanos(seconds: number, nanos: number): { seconds?: number; nanos?: number } {
  return { ...(seconds !== 0 && { seconds }), ...(nanos !== 0 && { nanos }) };
}

function nanosOf(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(9, '0'));
}

/** Three, six or nine digits, as the mapping asks. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return `.${digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}

function integerFromJson(type: string, value: unknown): number {
  const range = RANGES[type];
  if (range === undefined) throw new JsonValueError(`has the unknown type ${type}`);
  const numeric = typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.0*)?([eE]\+?\d+)?$/.test(value));
  const number = numeric ? Number(value) : Number.NaN;
  if (!Number.isInteger(number)) throw new JsonValueError(`expected an integer, got ${describe(value)}`);
  if (number < range[0] || number > range[1]) throw new JsonValueError(`${number} is out of range for ${type}`);
  return number;
}

function floatFromJson(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw new JsonValueError(`expected a number, got ${describe(value)}`);
  return number;
}

function bytesFromJson(value: unknown): Buffer {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) {
    throw new JsonValueError(`expected base64, got ${typeof value === 'string' ? 'other text' : describe(value)}`);
  }
  return Buffer.from(value, 'base64');
}
