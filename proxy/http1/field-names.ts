import { interned } from '../http/interned.js';

/** Fields that frame a message or belong to one hop; the parser acts on them as it meets them. */
export type FieldKind =
  | 'plain'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'upgrade'
  | 'te'
  | 'expect'
  | 'hop';

export interface FieldName {
  /** As it stands on the wire. */
  readonly name: string;
  /** In lower case. */
  readonly key: string;
  readonly kind: FieldKind;
}

const KINDS: Readonly<Record<string, FieldKind>> = {
  host: 'host',
  'content-length': 'content-length',
  'transfer-encoding': 'transfer-encoding',
  connection: 'connection',
  upgrade: 'upgrade',
  te: 'te',
  expect: 'expect',
  'keep-alive': 'hop',
  'proxy-connection': 'hop',
};

const kinds = new Map(Object.entries(KINDS));

/** More names than real traffic has; beyond it names are looked at each time, so that nobody can fill the memory. */
const MAX_NAMES = 512;
export const MAX_NAME_LENGTH = 64;

/** Remembers the lower-case form of the names that were seen, because lower-casing each again costs more than a look-up. */
class FieldNames {
  private readonly known = new Map<string, FieldName>();

  get(name: string): FieldName {
    return this.known.get(name) ?? this.learn(name);
  }

  private learn(slice: string): FieldName {
    // A copy: a slice would keep the whole head that it was cut from.
    const copy = Buffer.from(slice, 'latin1').toString('latin1');
    const keep = this.known.size < MAX_NAMES && copy.length <= MAX_NAME_LENGTH;
    const name = keep ? interned(copy) : copy;
    const key = keep ? interned(name.toLowerCase()) : name.toLowerCase();
    const field: FieldName = { name, key, kind: kinds.get(key) ?? 'plain' };
    if (keep) this.known.set(name, field);
    return field;
  }
}

export const fieldNames = new FieldNames();
