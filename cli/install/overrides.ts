import { parse } from 'yaml';
import { UsageError } from '../command.js';
import { DEFAULTS, type InstallValues } from './values.js';

/** Below these everything is the user's own. */
const OPEN = ['meshConfig', 'resources'];

/**
 * Defaults, with each of `layers` over what came before. Throws a UsageError that names a value that does not exist, or is
 * of another type.
 */
export function mergeValues(...layers: readonly unknown[]): InstallValues {
  // The result has the shape of DEFAULTS: `over` lets nothing else in.
  return layers.reduce((values, layer) => over(values, layer ?? {}, []), DEFAULTS as unknown) as InstallValues;
}

function over(base: unknown, layer: unknown, path: readonly string[]): unknown {
  if (!isMap(base)) {
    if (typeof layer !== typeof base) {
      throw new UsageError(`${path.join('.')} takes a ${typeof base}, not ${JSON.stringify(layer)}`);
    }
    return layer;
  }
  if (!isMap(layer))
    throw new UsageError(`${path.join('.') || 'the values'} takes fields, not ${JSON.stringify(layer)}`);
  const open = path.some((name) => OPEN.includes(name));
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(layer)) {
    if (!open && !(name in base)) {
      const known = Object.keys(base).join(', ');
      throw new UsageError(`there is no value ${[...path, name].join('.')}; here are: ${known}`);
    }
    merged[name] = name in base ? over(base[name], value, [...path, name]) : value;
  }
  return merged;
}

/** `gateways.egress.enabled=true` as a layer; the value is read as YAML. A dot in a name is written `\.`. */
export function setting(text: string): unknown {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new UsageError(`--set takes NAME=VALUE, not '${text}'`);
  const names = text
    .slice(0, equals)
    .split(/(?<!\\)\./)
    .map((name) => name.replaceAll('\\.', '.'));
  const value: unknown = parse(text.slice(equals + 1));
  return names.reduceRight((inner: unknown, name) => ({ [name]: inner }), value);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
