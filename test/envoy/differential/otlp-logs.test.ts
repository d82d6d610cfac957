import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type RunningProxy } from '../../support/differential.js';
import { get } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { OtlpCollector } from '../../support/otlp-collector.js';
import { answer } from '../../support/scripted-upstream.js';

const TYPE = 'type.googleapis.com/envoy.extensions';

/** A log as Istio's envoyOtelAls asks for it, and one with Envoy's own labels. */
function otlp(more: object): object {
  return {
    name: 'envoy.access_loggers.open_telemetry',
    typed_config: {
      '@type': `${TYPE}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
      common_config: {
        log_name: 'the log',
        grpc_service: { envoy_grpc: { cluster_name: 'collector' } },
        transport_api_version: 'V3',
        buffer_flush_interval: '0.05s',
      },
      body: { string_value: '%REQ(:METHOD)% %RESPONSE_CODE% %REQ(x-none)%' },
      attributes: {
        values: [
          { key: 'code', value: { string_value: '%RESPONSE_CODE%' } },
          { key: 'none', value: { string_value: '%REQ(x-none)%' } },
          { key: 'list', value: { array_value: { values: [{ string_value: '%PROTOCOL%' }, { string_value: 'b' }] } } },
        ],
      },
      ...more,
    },
  };
}

/** Every field of a message with the numbers of the fields around it: `1.2.1 = GET`; texts where they are. */
function fieldsOf(bytes: Uint8Array, messages: ReadonlySet<string>, path = ''): string[] {
  const reader = protobuf.Reader.create(bytes);
  const found: string[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const at = `${path}${tag >>> 3}`;
    if ((tag & 7) === 2) {
      const value = reader.bytes();
      if (messages.has(at)) found.push(...fieldsOf(value, messages, `${at}.`));
      else found.push(`${at} = ${Buffer.from(value).toString('utf8')}`);
    } else {
      reader.skipType(tag & 7);
      found.push(`${at} of wire type ${tag & 7}`);
    }
  }
  return found;
}

/** ResourceLogs: the resource with its attributes, ScopeLogs with the scope (left out: it is the program's name), records with body and attributes. */
const MESSAGES = new Set(['1', '1.1', '1.1.1', '1.1.1.2', '1.2', '1.2.2', '1.2.2.5', '1.2.2.6', '1.2.2.6.2']);

describe.skipIf(!Differential.available)(`OTLP logs as Envoy writes them ${Differential.note}`, () => {
  const collector = new OtlpCollector();
  let both: Differential;

  beforeAll(async () => {
    await collector.start();
    both = await Differential.start({
      listeners: ['istio', 'labels'],
      upstreams: ['a'],
      resources: (port) => {
        const listener = (name: string, more: object): object =>
          httpListener(name, port(name), {
            access_log: [otlp(more)],
            route_config: {
              name: 'routes',
              virtual_hosts: [
                { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'a' } }] },
              ],
            },
          });
        return {
          listeners: [
            listener('istio', { disable_builtin_labels: true }),
            listener('labels', {
              resource_attributes: { values: [{ key: 'service.name', value: { string_value: 'mine' } }] },
            }),
          ],
          clusters: [
            cluster('a', [[port('a')]]),
            cluster('collector', [[collector.ports.grpc]], {
              typed_extension_protocol_options: {
                'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                  '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
                  explicit_http_config: { http2_protocol_options: {} },
                },
              },
            }),
          ],
        };
      },
    });
  }, 60_000);
  afterAll(() => {
    both?.stop();
    collector.stop();
  });

  async function record(proxy: RunningProxy, listener: string): Promise<string[]> {
    const before = collector.logRequests.length;
    await proxy.run(get('/x', {}, { listener, logLines: 0, answers: [answer(200)] }));
    await expect.poll(() => collector.logRequests.length, { timeout: 10_000 }).toBeGreaterThan(before);
    return fieldsOf(collector.logRequests[before] ?? Buffer.alloc(0), MESSAGES)
      .filter((field) => !field.startsWith('1.2.1 '))
      .sort();
  }

  it.each(['istio', 'labels'])('%s', async (listener) => {
    const envoy = await record(both.envoy, listener);
    expect(envoy.join('\n')).toContain('GET 200 -');
    expect(await record(both.weft, listener)).toEqual(envoy);
  });
});
