import { describe, expect, it } from 'vitest';
import { Issues } from '../snapshot/issues.js';
import { compileSetFilterState } from './set-filter-state.js';

const ALPN = 'envoy.network.application_protocols';

function compile(object_key: string, text: string) {
  const issues = new Issues();
  const value = { object_key, format_string: { text_format_source: { inline_string: text } } };
  const message = { on_new_connection: [value] } as unknown as Parameters<typeof compileSetFilterState>[0];
  return { compiled: compileSetFilterState(message, issues), errors: issues.errors };
}

describe('set_filter_state', () => {
  it('overrides the ALPN protocols of upstream connections', () => {
    expect(compile(ALPN, 'weft-tcp, istio')).toEqual({ compiled: { alpn: ['weft-tcp', 'istio'] }, errors: [] });
  });

  it.each([
    ['another object', 'a.b', 'x'],
    ['text of the connection', ALPN, '%DOWNSTREAM_LOCAL_ADDRESS%'],
    ['nothing', ALPN, ''],
  ])('refuses %s', (_name, key, text) => {
    const { compiled, errors } = compile(key, text);
    expect(compiled).toBeUndefined();
    expect(errors).toHaveLength(1);
  });
});
