import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../common/runtime/counters.js';
import { ManualClock } from '../../common/runtime/testing.js';
import { ExportQueue } from '../telemetry/export-queue.js';
import { textAttribute } from '../telemetry/otlp.js';
import { otlpSpans } from './otlp-spans.js';
import type { Span } from './span.js';
import { zipkinJson } from './zipkin.js';

const SPAN: Span = {
  context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, state: 'x=1' },
  parentId: 'c'.repeat(16),
  name: 'reviews:9080/*',
  kind: 'client',
  start: 1_700_000_000_000.5,
  end: 1_700_000_000_002.25,
  error: true,
  tags: [
    ['http.method', 'GET'],
    ['http.response.status_code', '503'],
    ['http.method', 'PUT'],
  ],
};

describe('encodings', () => {
  it('Zipkin’s JSON', () => {
    expect(JSON.parse(zipkinJson([SPAN], { serviceName: 'a.default', ip: '10.0.0.1' }).toString())).toEqual([
      {
        id: 'b'.repeat(16),
        traceId: 'a'.repeat(32),
        parentId: 'c'.repeat(16),
        name: 'reviews:9080/*',
        kind: 'CLIENT',
        timestamp: 1_700_000_000_000_500,
        duration: 1750,
        localEndpoint: { serviceName: 'a.default', ipv4: '10.0.0.1' },
        tags: { 'http.method': 'PUT', 'http.response.status_code': '503', error: 'true' },
      },
    ]);
  });

  it('OTLP', () => {
    const root = new protobuf.Root().loadSync('proto/opentelemetry/otlp.proto', { keepCase: true });
    const type = root.lookupType('opentelemetry.ExportTraceServiceRequest');
    const bytes = otlpSpans([SPAN], [textAttribute('service.name', 'a.default')]);
    expect(type.toObject(type.decode(bytes), { longs: String, enums: String, bytes: String })).toEqual({
      resource_spans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { string_value: 'a.default' } }] },
          scope_spans: [
            {
              scope: { name: 'weft' },
              spans: [
                {
                  trace_id: Buffer.from('a'.repeat(32), 'hex').toString('base64'),
                  span_id: Buffer.from('b'.repeat(16), 'hex').toString('base64'),
                  trace_state: 'x=1',
                  parent_span_id: Buffer.from('c'.repeat(16), 'hex').toString('base64'),
                  name: 'reviews:9080/*',
                  kind: 'SPAN_KIND_CLIENT',
                  start_time_unix_nano: '1700000000000500000',
                  end_time_unix_nano: '1700000000002250000',
                  attributes: [
                    { key: 'http.method', value: { string_value: 'PUT' } },
                    { key: 'http.response.status_code', value: { int_value: '503' } },
                  ],
                  status: { code: 'STATUS_CODE_ERROR' },
                  flags: 1,
                },
              ],
            },
          ],
        },
      ],
    });
  });
});

describe('the queue', () => {
  const setUp = () => {
    const clock = new ManualClock();
    const batches: number[] = [];
    const settle: { resolve(): void; reject(error: Error): void }[] = [];
    const counters = { sent: new Counter(), dropped: new Counter(), failed: new Counter() };
    const send = (batch: readonly Span[]): Promise<void> => {
      batches.push(batch.length);
      return new Promise((resolve, reject) => settle.push({ resolve, reject }));
    };
    return { clock, batches, settle, counters, queue: new ExportQueue({ clock, send, ...counters }) };
  };

  it('sends what came within a second together, and a full batch at once', () => {
    const { clock, batches, queue } = setUp();
    for (let i = 0; i < 3; i++) queue.add(SPAN);
    expect(batches).toEqual([]);
    clock.advance(1000);
    expect(batches).toEqual([3]);
    for (let i = 0; i < 256; i++) queue.add(SPAN);
    expect(batches).toEqual([3, 256]);
  });

  it('drops what is too much while nothing arrives, and counts it', async () => {
    const { batches, settle, counters, queue } = setUp();
    for (let i = 0; i < 5000; i++) queue.add(SPAN);
    expect(batches).toEqual([256, 256]);
    expect(counters.dropped.value).toBe(5000 - 512 - 2048);
    settle[0]?.resolve();
    settle[1]?.reject(new Error('away'));
    await new Promise(setImmediate);
    expect([counters.sent.value, counters.failed.value, counters.dropped.value]).toEqual([256, 1, 5000 - 256 - 2048]);
  });
});
