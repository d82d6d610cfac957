import { fromStruct, type Json, type StructMessage } from '../../common/xds/struct.js';
import type { Issues } from '../snapshot/issues.js';

type JsonObject = { readonly [key: string]: Json };

/** Reads typed values out of node.metadata; each value of another type is an error that names its path. */
export class NodeMetadata {
  private readonly values: JsonObject;

  constructor(
    struct: StructMessage | undefined,
    private readonly issues: Issues,
  ) {
    this.values = struct === undefined ? {} : fromStruct(struct);
  }

  text(key: string): string | undefined {
    const value = this.values[key];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    this.issues.at(key).error('must be a string');
    return undefined;
  }

  flag(key: string): boolean {
    const value = this.values[key];
    return value === true || value === 'true';
  }

  /** A number above zero; numbers in quotes are taken too, since Istio's metadata has them so. */
  positive(key: string): number | undefined {
    const value = this.values[key];
    if (value === undefined || value === null) return undefined;
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number) && number > 0) return number;
    this.issues.at(key).error('must be a number above 0');
    return undefined;
  }

  /** Whether it is there, and zero. */
  isZero(key: string): boolean {
    const value = this.values[key];
    return value === 0 || value === '0';
  }

  texts(key: string): Readonly<Record<string, string>> {
    const value = this.values[key];
    if (value === undefined || value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.issues.at(key).error('must be an object of strings');
      return {};
    }
    return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
  }
}
