import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type Observation, type RunningProxy } from '../../support/differential.js';
import { type Case, get, request } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';

const HOSTS = ['a', 'b', 'c', 'd', 'e'];

/** Hosts known by names, since the ports differ from one proxy to the other. */
function hashing(name: string, port: (name: string) => number, more: object, weights: readonly number[] = []): object {
  return cluster(name, [], {
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: HOSTS.toReversed().map((host, index) => ({
            endpoint: {
              address: { socket_address: { address: '127.0.0.1', port_value: port(host) } },
            },
            load_balancing_weight: weights[index] ?? 1,
            metadata: { filter_metadata: { 'envoy.lb': { hash_key: `${host}.example` } } },
          })),
        },
      ],
    },
    ...more,
  });
}

const KEYS = Array.from({ length: 40 }, (_, index) => `key-${index}`);

/** The value is a hash of the connection's addresses. */
function cookieHidden(observation: Observation): unknown {
  return JSON.parse(JSON.stringify(observation).replace(/session=\\"[0-9a-f]{16}\\"/g, 'session=<hash>'));
}

/** Which host each of the requests reached. */
async function placement(proxy: RunningProxy, requests: readonly ReturnType<typeof get>[]): Promise<string[]> {
  const seen: string[] = [];
  for (const one of requests) {
    const { upstream } = await proxy.run({ ...one, settleMs: 0, logLines: 0 });
    seen.push(upstream.map(({ at }) => at).join());
  }
  return seen;
}

const CLUSTERS = ['ring', 'ring-small', 'ring-weighted', 'maglev', 'maglev-small', 'maglev-weighted'] as const;

const hashPolicies: Readonly<Record<string, readonly object[]>> = {
  header: [{ header: { header_name: 'x-user' } }],
  rewritten: [{ header: { header_name: 'x-user', regex_rewrite: { pattern: { regex: '-.*' }, substitution: '' } } }],
  cookie: [{ cookie: { name: 'session' } }],
  query: [{ query_parameter: { name: 'user' } }],
  source: [{ connection_properties: { source_ip: true } }],
  both: [{ header: { header_name: 'x-user' } }, { query_parameter: { name: 'user' } }],
  terminal: [{ header: { header_name: 'x-user' }, terminal: true }, { query_parameter: { name: 'user' } }],
};

const generated: readonly Case[] = [
  ['a cookie of a session', 200, get('/cookie-session')],
  ['a cookie with path and lifetime', 200, get('/cookie-ttl')],
  ['a cookie with attributes', 200, get('/cookie-attributes')],
  ['none where the client has one', 200, get('/cookie-ttl', { cookie: 'session=abc' })],
  ['none where a header says enough', 200, get('/cookie-after-terminal', { 'x-user': 'ann' })],
];

describe.skipIf(!Differential.available)(`load balancing as Envoy does it ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main'],
      upstreams: HOSTS,
      resources: (port) => {
        const cookie = (name: string, fields: object, before: readonly object[] = []): object => ({
          match: { path: `/${name}` },
          route: { cluster: 'one', hash_policy: [...before, { cookie: { name: 'session', ...fields } }] },
        });
        return {
          listeners: [
            httpListener('main', port('main'), {
              use_remote_address: true,
              xff_num_trusted_hops: 1,
              route_config: {
                name: 'routes',
                virtual_hosts: [
                  {
                    name: 'any',
                    domains: ['*'],
                    routes: [
                      cookie('cookie-session', { ttl: '0s' }),
                      cookie('cookie-ttl', { ttl: '60s', path: '/p' }),
                      cookie('cookie-attributes', {
                        ttl: '1.5s',
                        attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }],
                      }),
                      cookie('cookie-after-terminal', { ttl: '0s' }, [
                        { header: { header_name: 'x-user' }, terminal: true },
                      ]),
                      ...CLUSTERS.flatMap((name) =>
                        Object.entries(hashPolicies).map(([policy, hash_policy]) => ({
                          match: { path: `/${name}/${policy}` },
                          route: { cluster: name, hash_policy },
                        })),
                      ),
                      {
                        match: { path: '/retry' },
                        route: {
                          cluster: 'ring',
                          hash_policy: hashPolicies['header'],
                          retry_policy: RETRY_ELSEWHERE,
                        },
                      },
                      {
                        match: { path: '/retry-maglev' },
                        route: {
                          cluster: 'maglev',
                          hash_policy: hashPolicies['header'],
                          retry_policy: RETRY_ELSEWHERE,
                        },
                      },
                    ],
                  },
                ],
              },
            }),
          ],
          clusters: [
            cluster('one', [[port('a')]], { lb_policy: 'RING_HASH' }),
            hashing('ring', port, { lb_policy: 'RING_HASH' }),
            hashing('ring-small', port, {
              lb_policy: 'RING_HASH',
              ring_hash_lb_config: { minimum_ring_size: 7, maximum_ring_size: 100 },
            }),
            hashing('ring-weighted', port, { lb_policy: 'RING_HASH' }, [1, 2, 3, 4, 5]),
            hashing('maglev', port, { lb_policy: 'MAGLEV' }),
            hashing('maglev-small', port, { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 11 } }),
            hashing('maglev-weighted', port, { lb_policy: 'MAGLEV' }, [5, 1, 3, 3, 1]),
          ],
        };
      },
    });
  });

  afterAll(() => both?.stop());

  describe('generated cookies', () => {
    it.each(generated)('%s', async (_name, _status, exchange) => {
      const { envoy, weft } = await both.run(exchange);
      expect(cookieHidden(weft)).toEqual(cookieHidden(envoy));
    });

    it('the value is the same for all requests of a connection', async () => {
      const two = {
        send: [request('GET', '/cookie-session') + request('GET', '/cookie-session')],
        methods: ['GET', 'GET'],
      };
      const { responses } = await both.weft.run(two);
      const cookies = responses.map(({ headers }) => headers.find(([name]) => name === 'set-cookie')?.[1]);
      expect(cookies[0]).toBeDefined();
      expect(new Set(cookies).size).toBe(1);
    });
  });

  describe('the same hash, the same host', () => {
    it.each(CLUSTERS)('%s', async (name) => {
      const requests = KEYS.map((key) => get(`/${name}/header`, { 'x-user': key }));
      const [envoy, weft] = await Promise.all([placement(both.envoy, requests), placement(both.weft, requests)]);
      expect(weft).toEqual(envoy);
      expect(new Set(envoy).size).toBeGreaterThan(3);
    });

    it.each([
      ['a rewritten header', KEYS.slice(0, 8).map((key) => get('/ring/rewritten', { 'x-user': `${key.slice(4)}-x` }))],
      ['several values of a header', KEYS.slice(0, 8).map((key) => get('/ring/header', { 'x-user': ['z', key, 'a'] }))],
      ['an empty header', [get('/ring/header', { 'x-user': '' })]],
      ['a cookie', KEYS.slice(0, 8).map((key) => get('/ring/cookie', { cookie: `a=b; session=${key}; c=d` }))],
      ['a quoted cookie', KEYS.slice(0, 8).map((key) => get('/ring/cookie', { cookie: `session="${key}"` }))],
      ['a query parameter', KEYS.slice(0, 8).map((key) => get(`/ring/query?x=1&user=${key}&user=2`))],
      ['an encoded query parameter', ['%61nn', 'a%20b', 'a+b'].map((key) => get(`/ring/query?user=${key}`))],
      ['an empty query parameter', [get('/ring/query?user=')]],
      ['the client’s address', [1, 2, 3, 4].map((n) => get('/ring/source', { 'x-forwarded-for': `10.0.0.${n}` }))],
      ['two policies', KEYS.slice(0, 8).map((key) => get(`/ring/both?user=${key}`, { 'x-user': `x${key}` }))],
      ['a terminal policy', KEYS.slice(0, 8).map((key) => get(`/ring/terminal?user=${key}`, { 'x-user': 'ann' }))],
    ])('by %s', async (_name, requests) => {
      const [envoy, weft] = await Promise.all([placement(both.envoy, requests), placement(both.weft, requests)]);
      expect(weft).toEqual(envoy);
    });

    it.each(['/retry', '/retry-maglev'])('%s: the next host after one that failed', async (path) => {
      const requests = KEYS.slice(0, 12).map((key) => ({
        ...get(path, { 'x-user': key }),
        answers: (_: unknown, index: number) => ({
          steps: [`HTTP/1.1 ${index < 2 ? 503 : 200} X\r\ncontent-length: 0\r\n\r\n`],
        }),
      }));
      const [envoy, weft] = await Promise.all([placement(both.envoy, requests), placement(both.weft, requests)]);
      expect(weft).toEqual(envoy);
    });
  });
});

const RETRY_ELSEWHERE = {
  retry_on: '5xx',
  num_retries: 2,
  retry_back_off: { base_interval: '0.001s' },
  host_selection_retry_max_attempts: 5,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
};
