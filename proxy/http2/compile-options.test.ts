import { describe, expect, it } from 'vitest';
import type { Http2ProtocolOptions } from '../../proto/gen/envoy/config/core/v3/Http2ProtocolOptions.js';
import { compileHttp2Options } from './compile-options.js';

function compile(message: Http2ProtocolOptions) {
  const found: string[] = [];
  const settings = compileHttp2Options(message, {
    error: (path, reason) => found.push(`error ${path}: ${reason}`),
    warn: (path, reason) => found.push(`warning ${path}: ${reason}`),
  });
  return { settings, found };
}

const number = (value: number): { value: number } => ({ value });
const seconds = (value: number): { seconds: string; nanos: number } => ({ seconds: String(value), nanos: 0 });

describe("HTTP/2's options", () => {
  it.each<[string, Http2ProtocolOptions, object]>([
    ['nothing', {}, {}],
    [
      'numbers',
      {
        hpack_table_size: number(0),
        max_concurrent_streams: number(10),
        initial_stream_window_size: number(65_535),
        initial_connection_window_size: number(1 << 20),
      },
      { tableSize: 0, maxConcurrentStreams: 10, streamWindow: 65_535, connectionWindow: 1 << 20 },
    ],
    ['a table of gigabytes', { hpack_table_size: number(0xffff_ffff) }, { tableSize: 1 << 20 }],
    ['extended CONNECT', { allow_connect: true }, { allowConnect: true }],
    [
      'keepalive',
      { connection_keepalive: { interval: seconds(10), timeout: seconds(2) } },
      { keepAlive: { intervalMs: 10_000, timeoutMs: 2000, jitterPercent: 15, idleMs: 0 } },
    ],
    [
      'keepalive of idle connections',
      {
        connection_keepalive: {
          timeout: seconds(2),
          interval_jitter: number(0),
          connection_idle_interval: seconds(3),
        },
      },
      { keepAlive: { intervalMs: 0, timeoutMs: 2000, jitterPercent: 0, idleMs: 3000 } },
    ],
  ])('%s', (_, message, expected) => {
    expect(compile(message)).toEqual({ settings: expected, found: [] });
  });

  it.each<[Http2ProtocolOptions, string]>([
    [{ max_concurrent_streams: number(0) }, 'error max_concurrent_streams: must be from 1 to 2147483647'],
    [{ initial_stream_window_size: number(1) }, 'error initial_stream_window_size: must be from 65535 to 2147483647'],
    [{ connection_keepalive: { interval: seconds(1) } }, 'error connection_keepalive.timeout: must be at least 1ms'],
    [{ max_outbound_frames: number(5) }, 'warning max_outbound_frames: not acted on: our own limits apply'],
    [{ allow_metadata: true }, 'warning allow_metadata: not acted on'],
  ])('%j is reported', (message, report) => {
    expect(compile(message).found).toEqual([report]);
  });
});
