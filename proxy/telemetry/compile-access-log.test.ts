import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { fromJson } from '../../common/xds/json.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { AccessLog__Output } from '../../proto/gen/envoy/config/accesslog/v3/AccessLog.js';
import { FLAG } from '../http/flags.js';
import { Issues } from '../snapshot/issues.js';
import { accessLogCompiler } from './compile-access-log.js';
import { Expressions } from './expressions/compile.js';
import { LogSinks } from './log-sinks.js';
import { testInfo, testRequest, testResponse } from './testing.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function compile(config: object, filter?: object) {
  const { message, errors } = fromJson('type.googleapis.com/envoy.config.accesslog.v3.AccessLog', {
    name: 'log',
    typed_config: { '@type': EXTENSION.fileAccessLog, path: join(dir, 'log'), ...config },
    ...(filter && { filter }),
  });
  expect(errors).toEqual([]);
  const sinks = new LogSinks(systemClock);
  const issues = new Issues();
  const logger = accessLogCompiler({ sinks, expressions: new Expressions({}), otlp: undefined as never })(
    message as AccessLog__Output,
    issues,
  );
  return { sinks, issues, logger };
}

function lines(config: object, filter?: object, infos = [testInfo()]): string {
  const { sinks, issues, logger } = compile(config, filter);
  expect(issues.errors).toEqual([]);
  for (const info of infos) logger?.log(info, testRequest({ 'x-a': 'b' }), testResponse());
  sinks.flush();
  return readFileSync(join(dir, 'log'), 'utf8');
}

describe('access log', () => {
  it('writes text', () => {
    const text = { log_format: { text_format_source: { inline_string: '%RESPONSE_CODE% %ROUTE_NAME%\n' } } };
    expect(lines(text)).toBe('200 default\n');
    expect(lines({ format: '%PROTOCOL%\n' })).toBe('200 default\nHTTP/1.1\n');
  });

  it('writes JSON with types, nested values and sorted keys', () => {
    const json = {
      z: '%RESPONSE_CODE%',
      a: { b: ['%PROTOCOL%', 1, true] },
      none: '%REQUESTED_SERVER_NAME%',
      flags: '%RESPONSE_FLAGS%',
    };
    expect(lines({ log_format: { json_format: json } })).toBe(
      '{"a":{"b":["HTTP/1.1",1,true]},"flags":"-","none":null,"z":200}\n',
    );
    rmSync(join(dir, 'log'));
    expect(
      lines({ log_format: { json_format: { none: '%REQUESTED_SERVER_NAME%', x: 'y' }, omit_empty_values: true } }),
    ).toBe('{"x":"y"}\n');
  });

  it('falls back to the default of Envoy', () => {
    expect(lines({})).toMatch(/^\[2026-01-02T03:04:05\.067Z\] "GET \/a\?b=c HTTP\/1\.1" 200 - 0 12 5 /);
  });

  const code = (op: string, value: number) => ({
    comparison: { op, value: { default_value: value, runtime_key: 'k' } },
  });
  const filters: [name: string, filter: object, logged: boolean][] = [
    ['status', { status_code_filter: code('GE', 400) }, false],
    ['status', { status_code_filter: code('EQ', 200) }, true],
    ['duration', { duration_filter: code('GE', 5) }, true],
    ['duration', { duration_filter: code('LE', 4) }, false],
    ['no health check', { not_health_check_filter: {} }, true],
    ['header', { header_filter: { header: { name: 'x-a', string_match: { exact: 'b' } } } }, true],
    ['header', { header_filter: { header: { name: 'x-b', present_match: true } } }, false],
    ['any flag', { response_flag_filter: {} }, false],
    [
      'and',
      { and_filter: { filters: [{ not_health_check_filter: {} }, { status_code_filter: code('GE', 400) }] } },
      false,
    ],
    [
      'or',
      { or_filter: { filters: [{ not_health_check_filter: {} }, { status_code_filter: code('GE', 400) }] } },
      true,
    ],
    [
      'CEL',
      {
        extension_filter: {
          name: 'cel',
          typed_config: { '@type': EXTENSION.celAccessLogFilter, expression: 'response.code >= 400' },
        },
      },
      false,
    ],
  ]; // prettier-ignore
  it.each(filters)('is filtered by %s: %j → %s', (_name, filter, logged) => {
    expect(lines({ format: 'x' }, filter)).toBe(logged ? 'x' : '');
  });

  it('is filtered by flags', () => {
    const filter = { response_flag_filter: { flags: ['UF', 'NR'] } };
    expect(
      lines({ format: '%RESPONSE_FLAGS%;' }, filter, [testInfo({ flags: FLAG.UF }), testInfo({ flags: FLAG.UT })]),
    ).toBe('UF;');
  });

  const wrong: [config: object, filter: object | undefined, error: RegExp][] = [
    [{ format: '%NOPE%' }, undefined, /^typed_config\.format: .*%NOPE%/],
    [{ log_format: { json_format: { a: '%NOPE%' } } }, undefined, /^typed_config\.log_format\.json_format: .*%NOPE%/],
    [{ path: '/no/such/dir/log' }, undefined, /^typed_config\.path: cannot open/],
    [{}, { response_flag_filter: { flags: ['XX'] } }, /flags\[0\]: unknown response flag XX/],
    [{}, {}, /^filter: is not supported/],
  ]; // prettier-ignore
  it('warns of an expression that never has a value', () => {
    const typed_config = { '@type': EXTENSION.celAccessLogFilter, expression: 'no.such == 1' };
    const { issues, logger } = compile({}, { extension_filter: { name: 'cel', typed_config } });
    expect(issues.warnings).toEqual([expect.stringMatching(/expression: nothing is logged: .*no/)]);
    expect(logger).toBeDefined();
  });

  it('warns of operators without a value here, and takes the formatters of the others', () => {
    const formatters = [{ name: 'metadata', typed_config: { '@type': EXTENSION.metadataFormatter } }];
    const { issues } = compile({ log_format: { json_format: { a: '%UPSTREAM_WIRE_BYTES_SENT%' }, formatters } });
    expect(issues).toMatchObject({
      errors: [],
      warnings: [expect.stringMatching(/log_format.*%UPSTREAM_WIRE_BYTES_SENT% has no value/)],
    });
  });

  it.each(wrong)('refuses %j %j', (config, filter, error) => {
    const { issues, logger } = compile(config, filter);
    expect(issues.errors).toEqual([expect.stringMatching(error)]);
    expect(logger).toBeUndefined();
  });

  it('goes to a new file after a rotation', () => {
    const { sinks, logger } = compile({ format: 'x' });
    const path = join(dir, 'log');
    logger?.log(testInfo(), undefined, undefined);
    renameSync(path, `${path}.1`);
    sinks.reopen();
    expect(existsSync(path)).toBe(true);
    logger?.log(testInfo(), undefined, undefined);
    logger?.log(testInfo(), undefined, undefined);
    sinks.flush();
    expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['x', 'xx']);
  });

  it('writes without being told to, in order', async () => {
    const { logger } = compile({ format: '%BYTES_SENT%\n' });
    const count = 30_000;
    for (let i = 0; i < count; i++) logger?.log(testInfo({ bytesSent: i }), undefined, undefined);
    await expect
      .poll(() => readFileSync(join(dir, 'log'), 'utf8').split('\n').length, { timeout: 5000 })
      .toBe(count + 1);
    const written = readFileSync(join(dir, 'log'), 'utf8').trimEnd().split('\n').map(Number);
    expect(written).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});
