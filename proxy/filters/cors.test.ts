import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../common/runtime/testing.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import { HeaderList } from '../http/headers.js';
import { fromYaml, testRequest } from '../router/testing.js';
import { Issues } from '../snapshot/issues.js';
import { compileCorsPolicy, corsFactory } from './cors.js';
import type { FilterContext } from './filter.js';
import { filterContext } from './testing.js';

const filter = (() => {
  const place = { name: 'cors', direction: 'inbound' as const, statPrefix: '' };
  const compiled = corsFactory(seededRandom()).compile({}, place, new Issues());
  if (compiled === undefined || compiled === 'none') throw new Error('no filter');
  return compiled;
})();

const POLICY = `{allow_origin_string_match: [{exact: "http://a"}], allow_methods: "GET,PUT", allow_headers: "*", max_age: "60",
  expose_headers: x-e, allow_credentials: true, allow_private_network_access: true}`;

function context(target: string, headers: Record<string, string>, policy = POLICY): FilterContext {
  const config = compileCorsPolicy(fromYaml(EXTENSION.corsPolicy, policy), new Issues());
  return filterContext(testRequest(target, headers), { config, action: { kind: 'forward' } as never });
}

function answer(ctx: FilterContext): Record<string, string> {
  const response = { status: 200, reason: '', headers: new HeaderList() };
  filter.onResponse?.(ctx, response);
  const { headers } = response;
  return Object.fromEntries(Array.from({ length: headers.size }, (_, i) => [headers.keyAt(i), headers.valueAt(i)]));
}

const MARKS = {
  'access-control-allow-origin': 'http://a',
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'x-e',
};

describe('CORS', () => {
  const preflight = {
    origin: 'http://a',
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'x-1',
  };

  it('answers a preflight', () => {
    const ctx = context('OPTIONS a/', { ...preflight, 'access-control-request-private-network': 'true' });
    expect(filter.onRequest?.(ctx)).toEqual({
      status: 200,
      body: '',
      details: 'cors_response',
      flags: 0,
      asIs: true,
      headers: [
        ['access-control-allow-methods', 'GET,PUT'],
        ['access-control-allow-headers', 'x-1'],
        ['access-control-max-age', '60'],
        ['access-control-allow-private-network', 'true'],
      ],
    });
    expect(answer(ctx)).toEqual(MARKS);
  });

  it('marks the answer to an allowed origin and to no other', () => {
    const allowed = context('a/', { origin: 'http://a' });
    expect(filter.onRequest?.(allowed)).toBeUndefined();
    expect(answer(allowed)).toEqual(MARKS);
    for (const headers of [{ origin: 'http://b' }, {}]) {
      const other = context('a/', headers);
      expect(filter.onRequest?.(other)).toBeUndefined();
      expect(answer(other)).toEqual({});
    }
  });

  it('forwards the preflight of a foreign origin, or answers it bare', () => {
    const foreign = { ...preflight, origin: 'http://b' };
    expect(filter.onRequest?.(context('OPTIONS a/', foreign))).toBeUndefined();
    const kept = context('OPTIONS a/', foreign, '{forward_not_matching_preflights: false}');
    expect(filter.onRequest?.(kept)).toMatchObject({ status: 200, headers: [] });
  });

  it('is off where the policy is not in force', () => {
    const off = context(
      'a/',
      { origin: 'http://a' },
      '{allow_origin_string_match: [{exact: "*"}], filter_enabled: {default_value: {}}}',
    );
    void filter.onRequest?.(off);
    expect(answer(off)).toEqual({});
  });
});
