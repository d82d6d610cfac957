import { describe, expect, it } from 'vitest';
import { EXTENSION } from '../../common/xds/type-urls.js';
import { httpRbacFactory } from '../filters/rbac/http-rbac.js';
import type { ConnectionManagerConfig } from '../http/connection-manager-config.js';
import { type ConnectionInfo, PLAINTEXT_PEER } from '../http/stream-info.js';
import { Issues } from '../snapshot/issues.js';
import { compileHttpFilters } from './compile-http-filters.js';
import { http2Target } from './http2-target.js';

const router = { name: 'router', typed_config: { '@type': EXTENSION.router } };
const noCounter = () => ({ increment: () => {} });
const factories = new Map<string, ReturnType<typeof httpRbacFactory>>([
  [EXTENSION.httpRbac, httpRbacFactory(noCounter as never)],
  ['other', { compile: (_, { name }) => ({ name, onRequest: () => undefined }) }],
]);

/** What an HTTP/2 preface reaches through a chain with one filter before the router. */
function reached(name: string, type: string): string | undefined {
  const filter = { name, typed_config: { '@type': type, rules: { action: 'ALLOW', policies: {} } } };
  const { filters } = compileHttpFilters(
    [filter, router] as never,
    { direction: 'inbound', statPrefix: '' },
    factories,
    new Issues(),
  );
  const route = { action: { kind: 'forward', selectCluster: () => ({ name: 'app' }) } };
  const config = {
    filters,
    routes: { current: () => ({ match: () => route }) },
    statPrefix: '',
    timeouts: { idleMs: 0 },
    accessLogs: [],
  };
  const connection = { peer: PLAINTEXT_PEER } as ConnectionInfo;
  return http2Target(config as unknown as ConnectionManagerConfig, connection)?.clusters[0]?.name;
}

describe('an HTTP/2 preface', () => {
  it('does not go round a policy, whatever its filter is called', () => {
    expect(reached('envoy.filters.http.rbac', EXTENSION.httpRbac)).toBeUndefined();
    expect(reached('innocent', EXTENSION.httpRbac)).toBeUndefined();
  });

  it('is relayed past a filter that only looks like one', () => {
    expect(reached('crbac', 'other')).toBe('app');
  });
});
