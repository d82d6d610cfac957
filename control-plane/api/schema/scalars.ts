import { RE2JS } from 're2js';
import { messageOf } from '../../../common/runtime/errors.js';
import { parseDuration } from '../duration.js';
import { type Schema, shown } from './schema.js';

const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

export interface StringLimits {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** What the pattern asks for, in words. */
  readonly shape?: string;
}

export function string(limits: StringLimits = {}): Schema<string> {
  const { min = 0, max = 65_536, pattern, shape } = limits;
  return {
    parse(value, path, report) {
      if (typeof value !== 'string') {
        const hint = typeof value === 'number' || typeof value === 'boolean' ? '; put it in quotes' : '';
        report.error(path, `must be a string, got ${shown(value)}${hint}`);
        return undefined;
      }
      if (value.length < min) report.error(path, 'must not be empty');
      else if (value.length > max) report.error(path, `must have at most ${max} characters, got ${value.length}`);
      else if (pattern !== undefined && !pattern.test(value)) {
        report.error(path, `must be ${shape ?? `of the form ${pattern.source}`}, got ${shown(value)}`);
      } else return value;
      return undefined;
    },
  };
}

export const bool: Schema<boolean> = {
  parse(value, path, report) {
    if (typeof value === 'boolean') return value;
    report.error(path, `must be true or false, got ${shown(value)}`);
    return undefined;
  },
};

export function int(min: number, max: number): Schema<number> {
  return {
    parse(value, path, report) {
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
      report.error(path, `must be a whole number from ${min} to ${max}, got ${shown(value)}`);
      return undefined;
    },
  };
}

export const int32 = int(-INT32_MAX - 1, INT32_MAX);
export const count32 = int(0, INT32_MAX);
export const uint32 = int(0, UINT32_MAX);
export const uint64 = int(0, Number.MAX_SAFE_INTEGER);
export const port = int(1, 65_535);
export const httpStatus = int(200, 599);

export function number(min: number, max: number): Schema<number> {
  return {
    parse(value, path, report) {
      if (typeof value === 'number' && value >= min && value <= max) return value;
      report.error(path, `must be a number from ${min} to ${max}, got ${shown(value)}`);
      return undefined;
    },
  };
}

export function enumOf<const V extends string>(...values: readonly V[]): Schema<V> {
  return {
    parse(value, path, report) {
      const found = values.find((known) => known === value);
      if (found === undefined) report.error(path, `must be ${alternatives(values)}, got ${shown(value)}`);
      return found;
    },
  };
}

/** At least `minMs`, as a Go duration. Istio asks for 1 ms nearly everywhere. */
export function durationFrom(minMs: number): Schema<string> {
  return {
    parse(value, path, report) {
      const ms = typeof value === 'string' ? parseDuration(value) : undefined;
      if (typeof value === 'string' && ms !== undefined && ms >= minMs) return value;
      const least = minMs > 0 ? ` of at least ${minMs}ms` : '';
      report.error(path, `must be a duration${least} such as "1.5s" or "100ms", got ${shown(value)}`);
      return undefined;
    },
  };
}

export const duration = durationFrom(1);

/** A pattern in RE2's syntax, as Envoy compiles it. */
export const regex: Schema<string> = {
  parse(value, path, report) {
    if (typeof value !== 'string' || value === '' || value.length > 4_096) {
      report.error(path, `must be a regular expression of 1 to 4096 characters, got ${shown(value)}`);
      return undefined;
    }
    try {
      RE2JS.compile(value);
      return value;
    } catch (error) {
      report.error(path, `is no regular expression in RE2's syntax: ${messageOf(error)}`);
      return undefined;
    }
  },
};

/** `a, b or c`. */
export function alternatives(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values[values.length - 1]}`;
}
