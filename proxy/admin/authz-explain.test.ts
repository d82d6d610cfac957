import { describe, expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import { fromYaml } from '../router/testing.js';
import { authzRules, explainAuthz } from './authz-explain.js';
import type { AdminSources } from './sources.js';

const LISTENER = `
name: 127.0.0.1_9080
traffic_direction: INBOUND
filter_chains:
  - name: 9080-mtls
    filter_chain_match: {transport_protocol: tls}
    transport_socket: {name: tls}
    filters:
      - name: hcm
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          normalize_path: true
          route_config: {name: inbound|9080||}
          http_filters:
            - name: rbac
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
                rules:
                  action: DENY
                  policies:
                    'ns[shop]-policy[no-admin]-rule[0]':
                      permissions: [{url_path: {path: {prefix: /admin}}}]
                      principals: [{any: true}]
            - name: rbac
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
                rules:
                  policies:
                    'ns[shop]-policy[readers]-rule[0]':
                      permissions: [{header: {name: ':method', string_match: {exact: GET}}}]
                      principals: [{authenticated: {principal_name: {prefix: 'spiffe://cluster.local/ns/shop/'}}}]
`;

const NOWHERE = `
  - name: virtualInbound-blackhole
    filter_chain_match: {destination_port: 15006}
    filters:
      - name: tcp
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          cluster: BlackHoleCluster
`;

const message = fromYaml(TYPE.listener, LISTENER + NOWHERE);
const sources = {
  resources: () => [{ typeUrl: TYPE.listener, name: 'l', static: false, version: '', lastUpdated: 0, message }],
  certificates: () => [],
} as unknown as AdminSources;
const ask = (query: string) => explainAuthz(sources, new URLSearchParams(query));

describe('what policies say of a request', () => {
  it.each([
    ['from=shop/cart&path=/', 'allowed', 'ALLOW', 'ns[shop]-policy[readers]-rule[0]'],
    ['from=shop/cart&path=/x/../admin', 'denied', 'DENY', 'ns[shop]-policy[no-admin]-rule[0]'],
    ['from=other/cart&path=/', 'denied', 'ALLOW', ''],
    ['from=shop/cart&path=/&method=PUT', 'denied', 'ALLOW', ''],
    ['from=plaintext&path=/', 'denied', 'PeerAuthentication', ''],
    [
      'from=spiffe://cluster.local/ns/shop/sa/x&path=/&port=9080',
      'allowed',
      'ALLOW',
      'ns[shop]-policy[readers]-rule[0]',
    ],
  ])('%s is %s', (query, decision, action, policy) => {
    expect(ask(query)).toMatchObject([{ port: 9080, decision, action, policy }]);
  });

  it.each([
    ['from=cart', /NAMESPACE\/ACCOUNT/],
    ['from=a/b&port=1', /port 1 is not served/],
    ['from=a/b&header=x', /NAME: VALUE/],
  ])('refuses %s', (query, error) => {
    expect(() => ask(query)).toThrow(error);
  });
});

it('lists the rules in force', () => {
  expect(authzRules(sources)).toMatchObject([
    {
      port: 9080,
      secured: 'mTLS',
      rules: [
        { action: 'DENY', policy: 'ns[shop]-policy[no-admin]-rule[0]' },
        { action: 'ALLOW', policy: 'ns[shop]-policy[readers]-rule[0]' },
      ],
    },
  ]);
});
