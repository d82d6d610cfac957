import { encodeMessage } from '../../common/xds/codec.js';

/** OpenTelemetry's AnyValue, as far as we send it. */
export type AnyValue =
  | { readonly string_value: string }
  | { readonly int_value: number }
  | { readonly double_value: number }
  | { readonly bool_value: boolean }
  | { readonly array_value: { readonly values: readonly AnyValue[] } }
  | { readonly kvlist_value: { readonly values: readonly KeyValue[] } };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

export const textAttribute = (key: string, value: string): KeyValue => ({ key, value: { string_value: value } });

/** Who made the records. */
export const SCOPE = { name: 'weft' };

/** Encodes a message of proto/opentelemetry/otlp.proto. */
export function encodeOtlp(type: 'ExportTraceServiceRequest' | 'ExportLogsServiceRequest', message: object): Buffer {
  return encodeMessage(`opentelemetry.${type}`, message);
}

/** Nanoseconds since the epoch, as text since no number holds them. `ms` may have fractions. */
export function nanoseconds(ms: number): string {
  return `${BigInt(Math.round(ms * 1000)) * 1000n}`;
}
