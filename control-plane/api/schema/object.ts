import { Code } from '../codes.js';
import { childPath } from './path.js';
import type { Report, UnknownFields } from './report.js';
import { alternatives } from './scalars.js';
import { isMapping, type Schema, shown } from './schema.js';
import { nearestName } from './suggest.js';

/** A field of an object: how its value is read, and what this release does with it. */
export interface Field<T> {
  readonly schema: Schema<T>;
  readonly required: boolean;
  /** Whether this release acts on it. */
  readonly supported: boolean;
  /** What it means to the user that it is not acted on. */
  readonly consequence?: string;
  /** A condition: without support the match around it is marked, and never matches. */
  readonly condition?: boolean;
  /** Values that need no support because they change nothing. */
  readonly harmless?: (value: T) => boolean;
  /** What to use instead. */
  readonly deprecated?: string;
}

interface RequiredField<T> extends Field<T> {
  readonly required: true;
}

/** Keys that validation adds and users cannot write. */
type Added = 'unknownMatch';

/** One field for every key of T, no more and no fewer; those that T requires must be required. */
export type Fields<T> = {
  readonly [K in Exclude<keyof T, Added>]-?: object extends Pick<T, K>
    ? Field<Exclude<T[K], undefined>> | Schema<Exclude<T[K], undefined>>
    : RequiredField<T[K]>;
};

export interface ObjectOptions<T> {
  /** For this object and all below it. */
  readonly unknownFields?: UnknownFields;
  /** This object is the condition that `mark` marks: it gets `unknownMatch: true`. */
  readonly marksUnknown?: boolean;
  /** Groups of fields of which one at most may be set. */
  readonly atMostOne?: readonly (readonly (keyof T & string)[])[];
  /** Groups of fields of which exactly one must be set. */
  readonly exactlyOne?: readonly (readonly (keyof T & string)[])[];
  /** Other spellings that Istio's schema takes. */
  readonly aliases?: Readonly<Record<string, keyof T & string>>;
  /** Checks that span fields. */
  readonly check?: (value: T, path: string, report: Report) => void;
}

export function required<T>(schema: Schema<T>): RequiredField<T> {
  return { schema, required: true, supported: true };
}

/** Known to Istio, not acted on here; `consequence` says what that means. */
export function unsupported<T>(schema: Schema<T>, consequence = 'it has no effect'): Field<T> {
  return { schema, required: false, supported: false, consequence };
}

/** A condition that is not acted on here, so that what it belongs to never matches. */
export function unsupportedCondition<T>(
  schema: Schema<T>,
  consequence: string,
  harmless?: (value: T) => boolean,
): Field<T> {
  const field = { schema, required: false, supported: false, consequence, condition: true };
  return harmless === undefined ? field : { ...field, harmless };
}

export function deprecated<T>(schema: Schema<T>, advice: string): Field<T> {
  return { schema, required: false, supported: true, deprecated: advice };
}

/** An object with exactly these fields. Null counts as unset, as in Kubernetes. */
export function object<T extends object>(fields: Fields<T>, options: ObjectOptions<T> = {}): Schema<T> {
  const table = new Map<string, Field<unknown>>(
    Object.entries(fields as Readonly<Record<string, Field<unknown> | Schema<unknown>>>).map(([name, field]) => [
      name,
      asField(field),
    ]),
  );
  return {
    shape: { fields: table, suffix: '' },
    parse(value, path, report) {
      if (!isMapping(value)) {
        report.error(path, `must be a mapping, got ${shown(value)}`);
        return undefined;
      }
      const outer = { unknownFields: report.unknownFields, marked: report.marked };
      if (options.unknownFields !== undefined) report.unknownFields = options.unknownFields;
      if (options.marksUnknown === true) report.marked = false;
      const written = new Set<string>();
      const entries = readFields(value, path, report, { table, aliases: options.aliases ?? {}, written });
      checkGroups(written, path, report, options);
      if (options.marksUnknown === true) {
        if (report.marked) entries.push(['unknownMatch', true]);
        report.marked = outer.marked;
      }
      report.unknownFields = outer.unknownFields;
      // `Fields<T>` ties the table to T; a required field that is missing was reported, which discards the object.
      const typed = Object.fromEntries(entries) as T;
      if (!report.failed) options.check?.(typed, path, report);
      return typed;
    },
  };
}

function asField(field: Field<unknown> | Schema<unknown>): Field<unknown> {
  return 'schema' in field ? field : { schema: field, required: false, supported: true };
}

interface Reading {
  readonly table: ReadonlyMap<string, Field<unknown>>;
  readonly aliases: Readonly<Record<string, string>>;
  /** Gets the name of every known field that is set, whether its value is good or not. */
  readonly written: Set<string>;
}

function readFields(
  value: Readonly<Record<string, unknown>>,
  path: string,
  report: Report,
  { table, aliases, written }: Reading,
): [string, unknown][] {
  const entries: [string, unknown][] = [];
  for (const [key, content] of Object.entries(value)) {
    if (content === null || content === undefined) continue;
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    const at = childPath(path, key);
    const field = table.get(name);
    if (field === undefined) {
      reportUnknown(key, at, report, [...table.keys()]);
      continue;
    }
    written.add(name);
    const typed = field.schema.parse(content, at, report);
    if (typed === undefined) continue;
    if (reportField(field, typed, at, report)) entries.push([name, typed]);
  }
  for (const [name, field] of table) {
    if (field.required && !written.has(name)) report.error(childPath(path, name), 'is required');
  }
  return entries;
}

/** Says what is to be said about a field that is set; false when the value must be left out. */
function reportField(field: Field<unknown>, value: unknown, path: string, report: Report): boolean {
  if (field.deprecated !== undefined) report.warn(Code.deprecated, path, `is deprecated: ${field.deprecated}`);
  if (field.supported || field.harmless?.(value) === true) return true;
  report.warn(
    Code.unsupportedField,
    path,
    `is not supported in this release: ${field.consequence ?? 'it has no effect'}`,
  );
  if (field.condition !== true) return true;
  report.marked = true;
  return false;
}

function reportUnknown(name: string, path: string, report: Report, known: readonly string[]): void {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  switch (report.unknownFields) {
    case 'ignore':
      return;
    case 'reject':
      report.error(path, `unknown field: a policy that cannot be understood in full is not applied${hint}`);
      return;
    case 'mark':
      report.marked = true;
      report.warn(Code.unknownField, path, `unknown field: the condition around it cannot be evaluated${hint}`);
      return;
    case 'warn':
      report.warn(Code.unknownField, path, `unknown field: it has no effect${hint}`);
  }
}

function checkGroups<T>(set: ReadonlySet<string>, path: string, report: Report, options: ObjectOptions<T>): void {
  for (const group of options.atMostOne ?? []) {
    const found = group.filter((name) => set.has(name));
    if (found.length > 1) report.error(path, `may have only one of ${group.join(', ')}, got ${found.join(' and ')}`);
  }
  for (const group of options.exactlyOne ?? []) {
    const found = group.filter((name) => set.has(name));
    // In a condition that is marked anyway the missing one may be the field that is not known.
    if (found.length === 0 && report.marked) continue;
    if (found.length !== 1)
      report.error(path, `must have exactly one of ${alternatives(group)}, got ${found.join(' and ') || 'none'}`);
  }
}
