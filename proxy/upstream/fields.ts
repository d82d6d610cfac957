import { fromStruct, type StructMessage } from '../../common/xds/struct.js';

/** Collects what is wrong with a message, each with the path of its field, and what is merely not acted on. */
export class FieldReport {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  error(path: string, reason: string): void {
    this.errors.push(`${path}: ${reason}`);
  }

  warn(path: string, reason: string): void {
    this.warnings.push(`${path}: ${reason}`);
  }
}

interface DurationMessage {
  readonly seconds?: unknown;
  readonly nanos?: number;
}

interface NumberMessage {
  readonly value?: number | string;
}

/** google.protobuf.Duration in ms; undefined when absent. */
export function durationMs(message: DurationMessage | null | undefined): number | undefined {
  if (message === undefined || message === null) return undefined;
  return Number(message.seconds ?? 0) * 1000 + (message.nanos ?? 0) / 1e6;
}

/** A wrapped number or a Percent; undefined when absent. A present wrapper without a value is 0 (proto3). */
export function numberValue(message: object | null | undefined): number | undefined {
  if (message === undefined || message === null) return undefined;
  return Number((message as NumberMessage).value ?? 0);
}

export function boolValue(message: { readonly value?: boolean } | null | undefined): boolean | undefined {
  return message === undefined || message === null ? undefined : (message.value ?? false);
}

/** One namespace of core.v3.Metadata as plain JSON; undefined when it is not there. */
export function filterMetadata(
  metadata: { readonly filter_metadata?: Readonly<Record<string, object>> } | null | undefined,
  namespace: string,
): Readonly<Record<string, unknown>> | undefined {
  const struct = metadata?.filter_metadata?.[namespace];
  return struct === undefined ? undefined : (fromStruct(struct as StructMessage) as Record<string, unknown>);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string member of a JSON object; empty when it is missing or something else. */
export function stringMember(object: unknown, key: string): string {
  const value = isRecord(object) ? object[key] : undefined;
  return typeof value === 'string' ? value : '';
}
