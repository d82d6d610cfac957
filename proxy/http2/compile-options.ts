import type { Http2ProtocolOptions } from '../../proto/gen/envoy/config/core/v3/Http2ProtocolOptions.js';
import type { KeepaliveSettings } from '../../proto/gen/envoy/config/core/v3/KeepaliveSettings.js';
import { DEFAULT_WINDOW, MAX_STREAM_ID, MAX_WINDOW } from './constants.js';
import type { Http2Settings, KeepAliveSettings } from './options.js';

/** Where what is wrong with a field is told; paths are below the options. */
export interface OptionsReport {
  error(path: string, reason: string): void;
  warn(path: string, reason: string): void;
}

/** Limits that {@link FloodGuard} and {@link FrameOutput} set by themselves. */
const OWN_LIMITS = [
  'max_outbound_frames',
  'max_outbound_control_frames',
  'max_consecutive_inbound_frames_with_empty_payload',
  'max_inbound_priority_frames_per_stream',
  'max_inbound_window_update_frames_per_data_frame_sent',
] as const;

/** Validates and compiles core.v3.Http2ProtocolOptions; what is absent stays absent. */
export function compileHttp2Options(
  message: Http2ProtocolOptions | null | undefined,
  report: OptionsReport,
): Http2Settings {
  if (message === undefined || message === null) return {};
  const number = (field: NumberField, least: number, most: number): number | undefined => {
    const value = numberOf(message[field]);
    if (value !== undefined && (value < least || value > most)) {
      report.error(field, `must be from ${least} to ${most}`);
    }
    return value;
  };
  const tableSize = number('hpack_table_size', 0, 0xffff_ffff);
  const maxConcurrentStreams = number('max_concurrent_streams', 1, MAX_STREAM_ID);
  const streamWindow = number('initial_stream_window_size', DEFAULT_WINDOW, MAX_WINDOW);
  const connectionWindow = number('initial_connection_window_size', DEFAULT_WINDOW, MAX_WINDOW);
  const keepAlive = compileKeepAlive(message.connection_keepalive, report);
  for (const field of OWN_LIMITS) if (isSet(message[field])) report.warn(field, 'not acted on: our own limits apply');
  if (message.allow_metadata === true) report.warn('allow_metadata', 'not acted on');
  return {
    ...(tableSize !== undefined && { tableSize: Math.min(tableSize, MOST_TABLE) }),
    ...(maxConcurrentStreams !== undefined && { maxConcurrentStreams }),
    ...(streamWindow !== undefined && { streamWindow }),
    ...(connectionWindow !== undefined && { connectionWindow }),
    ...(message.allow_connect === true && { allowConnect: true }),
    ...(keepAlive !== undefined && { keepAlive }),
  };
}

/** No table of a connection may hold more, whatever is asked for. */
const MOST_TABLE = 1 << 20;
const DEFAULT_JITTER_PERCENT = 15;

type NumberField =
  | 'hpack_table_size'
  | 'max_concurrent_streams'
  | 'initial_stream_window_size'
  | 'initial_connection_window_size';

function compileKeepAlive(
  message: KeepaliveSettings | null | undefined,
  report: OptionsReport,
): KeepAliveSettings | undefined {
  if (!isSet(message)) return undefined;
  const timeoutMs = durationOf(message.timeout);
  if (timeoutMs === undefined || timeoutMs < 1) report.error('connection_keepalive.timeout', 'must be at least 1ms');
  const intervalMs = durationOf(message.interval) ?? 0;
  if (isSet(message.interval) && intervalMs < 1) report.error('connection_keepalive.interval', 'must be at least 1ms');
  return {
    intervalMs,
    timeoutMs: timeoutMs ?? 0,
    jitterPercent: numberOf(message.interval_jitter) ?? DEFAULT_JITTER_PERCENT,
    idleMs: durationOf(message.connection_idle_interval) ?? 0,
  };
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

function numberOf(wrapped: { readonly value?: number | string } | null | undefined): number | undefined {
  return isSet(wrapped) ? Number(wrapped.value ?? 0) : undefined;
}

function durationOf(message: { readonly seconds?: unknown; readonly nanos?: number } | null | undefined) {
  return isSet(message) ? Number(message.seconds ?? 0) * 1000 + (message.nanos ?? 0) / 1e6 : undefined;
}
