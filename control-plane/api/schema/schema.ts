import { childPath } from './path.js';
import type { Report } from './report.js';

/** How a value is read: gives it typed, or undefined after reporting why not. */
export interface Schema<T> {
  parse(value: unknown, path: string, report: Report): T | undefined;
  /** What the documentation says about objects, and about lists and maps of them. */
  readonly shape?: Shape;
}

/** The fields of an object; `suffix` says how it is repeated: `[]` in a list, `.*` under the keys of a map. */
export interface Shape {
  readonly fields: ReadonlyMap<string, ShapeField>;
  readonly suffix: string;
}

export interface ShapeField {
  readonly schema: { readonly shape?: Shape };
  readonly supported: boolean;
  readonly consequence?: string;
  readonly deprecated?: string;
}

/** The shape of a schema that another one reads with. */
export function shapeOf(schema: { readonly shape?: Shape }): { readonly shape?: Shape } {
  return repeated(schema, '');
}

function repeated(item: { readonly shape?: Shape }, suffix: string): { readonly shape?: Shape } {
  return item.shape === undefined ? {} : { shape: { ...item.shape, suffix: `${suffix}${item.shape.suffix}` } };
}

/** The value as a message shows it, short. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Adds a check that needs the typed value; it reports by itself. */
export function refine<T>(schema: Schema<T>, check: (value: T, path: string, report: Report) => void): Schema<T> {
  return {
    ...shapeOf(schema),
    parse(value, path, report) {
      const typed = schema.parse(value, path, report);
      if (typed !== undefined) check(typed, path, report);
      return typed;
    },
  };
}

export function list<T>(item: Schema<T>, limits: { min?: number; max?: number } = {}): Schema<readonly T[]> {
  const { min = 0, max = 65_536 } = limits;
  return {
    ...repeated(item, '[]'),
    parse(value, path, report) {
      if (!Array.isArray(value)) {
        report.error(path, `must be a list, got ${shown(value)}`);
        return undefined;
      }
      if (value.length < min) report.error(path, `must have at least ${min === 1 ? 'one entry' : `${min} entries`}`);
      if (value.length > max) {
        report.error(path, `must have at most ${max} entries, got ${value.length}`);
        return undefined;
      }
      const items: T[] = [];
      for (const [index, entry] of value.entries()) {
        const typed = item.parse(entry, childPath(path, index), report);
        if (typed !== undefined) items.push(typed);
      }
      return items;
    },
  };
}

export interface MapLimits {
  readonly min?: number;
  readonly max?: number;
  /** Reports what is wrong with a key. */
  readonly key?: (key: string, path: string, report: Report) => void;
}

export function map<T>(entry: Schema<T>, limits: MapLimits = {}): Schema<Readonly<Record<string, T>>> {
  const { min = 0, max = 65_536, key: checkKey } = limits;
  return {
    ...repeated(entry, '.*'),
    parse(value, path, report) {
      if (!isMapping(value)) {
        report.error(path, `must be a mapping, got ${shown(value)}`);
        return undefined;
      }
      const keys = Object.keys(value);
      if (keys.length < min) report.error(path, `must have at least ${min === 1 ? 'one entry' : `${min} entries`}`);
      if (keys.length > max) {
        report.error(path, `must have at most ${max} entries, got ${keys.length}`);
        return undefined;
      }
      const entries: [string, T][] = [];
      for (const key of keys) {
        const at = childPath(path, key);
        checkKey?.(key, at, report);
        const typed = entry.parse(value[key], at, report);
        if (typed !== undefined) entries.push([key, typed]);
      }
      return Object.fromEntries(entries);
    },
  };
}

/** Takes anything as it is: for what is known by name only. */
export const anything: Schema<unknown> = { parse: (value) => value };

/** A schema that refers to one made later (for types that hold themselves). */
export function lazy<T>(get: () => Schema<T>): Schema<T> {
  return { parse: (value, path, report) => get().parse(value, path, report) };
}
