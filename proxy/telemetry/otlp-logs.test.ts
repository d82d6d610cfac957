import { describe, expect, it } from 'vitest';
import { Counters } from '../../common/runtime/counters.js';
import { ManualClock } from '../../common/runtime/testing.js';
import { decodeMessage } from '../../common/xds/codec.js';
import type { OpenTelemetryAccessLogConfig__Output } from '../../proto/gen/envoy/extensions/access_loggers/open_telemetry/v3/OpenTelemetryAccessLogConfig.js';
import { HeaderList } from '../http/headers.js';
import type { ServiceClient, ServiceRequest } from '../router/forward/service-call.js';
import { Issues } from '../snapshot/issues.js';
import { Expressions } from './expressions/compile.js';
import { OtlpLogs } from './otlp-logs.js';
import { testInfo, testRequest, testResponse } from './testing.js';

const NODE = { id: 'sidecar~1', cluster: 'a.default', zone: 'z', ip: '' };

function setUp() {
  const clock = new ManualClock();
  const counters = new Counters();
  const requests: ServiceRequest[] = [];
  const trailers = new HeaderList();
  trailers.append('grpc-status', '0');
  const services = {
    start: (request: ServiceRequest) => {
      requests.push(request);
      const answer = { status: 200, headers: new HeaderList(), body: Buffer.alloc(5), trailers };
      return { answer: Promise.resolve(answer), cancel: () => undefined };
    },
  } as unknown as ServiceClient;
  const logs = new OtlpLogs({ clock, services, counters: counters.get, node: NODE });
  const issues = new Issues();
  const compile = (config: OpenTelemetryAccessLogConfig__Output) => logs.compile(config, new Expressions({}), issues);
  const sent = (): unknown[] =>
    requests.map(({ body = Buffer.alloc(0) }) =>
      decodeMessage('opentelemetry.ExportLogsServiceRequest', body.subarray(5)),
    );
  return { clock, counters, requests, compile, issues, sent };
}

const COMMON = {
  log_name: 'mine',
  grpc_service: { envoy_grpc: { cluster_name: 'outbound|4317||otel', authority: 'otel' } },
};
const context = (over = {}) => ({
  info: testInfo(over),
  request: testRequest({ 'user-agent': 'u' }),
  response: testResponse(),
});

describe('access logs by OTLP', () => {
  it('are sent together, with body, attributes, trace and resource', async () => {
    const { compile, clock, counters, requests, sent, issues } = setUp();
    const emit = compile({
      common_config: COMMON,
      body: { string_value: '%REQ(:METHOD)% %RESPONSE_CODE% %REQUESTED_SERVER_NAME%' },
      attributes: {
        values: [
          { key: 'agent', value: { string_value: '%REQ(USER-AGENT)%' } },
          {
            key: 'more',
            value: { kvlist_value: { values: [{ key: 'code', value: { string_value: '%RESPONSE_CODE%' } }] } },
          },
        ],
      },
      resource_attributes: { values: [{ key: 'region', value: { string_value: 'north' } }] },
    });
    expect(issues.errors).toEqual([]);
    emit?.(context({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) }));
    emit?.(context({ responseCode: 503 }));
    clock.advance(1000);
    await new Promise(setImmediate);
    expect(requests).toMatchObject([
      {
        cluster: 'outbound|4317||otel',
        authority: 'otel',
        path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
      },
    ]);
    const text = (key: string, value: string): object => ({ key, value: { string_value: value } });
    const [batch] = sent();
    expect(batch).toMatchObject({
      resource_logs: [
        {
          resource: {
            attributes: [
              text('log_name', 'mine'),
              text('zone_name', 'z'),
              text('cluster_name', 'a.default'),
              text('node_name', 'sidecar~1'),
              text('region', 'north'),
            ],
          },
          scope_logs: [
            {
              log_records: [
                {
                  body: { string_value: 'GET 200 -' },
                  attributes: [
                    text('agent', 'u'),
                    { key: 'more', value: { kvlist_value: { values: [text('code', '200')] } } },
                  ],
                  trace_id: Buffer.from('ab'.repeat(16), 'hex'),
                  span_id: Buffer.from('cd'.repeat(8), 'hex'),
                },
                { body: { string_value: 'GET 503 -' } },
              ],
            },
          ],
        },
      ],
    });
    expect(counters.get('access_logs.open_telemetry_access_log.logs_written').value).toBe(2);
  });

  it('have no labels of their own where none are wanted', async () => {
    const { compile, clock, sent } = setUp();
    compile({ common_config: COMMON, disable_builtin_labels: true })?.(context());
    clock.advance(1000);
    await new Promise(setImmediate);
    expect(JSON.stringify(sent())).not.toContain('log_name');
  });

  it('are dropped and counted where the collector does not keep up', () => {
    const { compile, counters } = setUp();
    const emit = compile({ common_config: COMMON, stat_prefix: 'x' });
    for (let i = 0; i < 5000; i++) emit?.(context());
    expect(counters.get('access_logs.open_telemetry_access_log.x.logs_dropped').value).toBe(5000 - 512 - 2048);
  });

  const wrong: [config: OpenTelemetryAccessLogConfig__Output, error: RegExp][] = [
    [{}, /common_config\.grpc_service: names no cluster/],
    [{ common_config: COMMON, body: { string_value: '%NOPE%' } }, /body: format: unknown operator %NOPE%/],
    [{ common_config: COMMON, attributes: { values: [{ key: 'a', value: { int_value: 1 } }] } }, /must be a text/],
  ];
  it.each(wrong)('refuses %j', (config, error) => {
    const { compile, issues } = setUp();
    expect(compile(config)).toBeUndefined();
    expect(issues.errors).toEqual([expect.stringMatching(error)]);
  });
});
