import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogger } from '../common/runtime/log.js';
import { type ProxyApp, startProxy } from './app.js';
import { parseBootstrap } from './bootstrap/read.js';

const FILTERS = 'type.googleapis.com/envoy.extensions.filters';
const application = createServer((_request, response) => response.end('served'));
let proxy: ProxyApp;

beforeAll(async () => {
  application.listen(0, '127.0.0.1');
  await once(application, 'listening');
  const { port } = application.address() as AddressInfo;
  const bootstrap = `
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    traffic_direction: INBOUND
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": ${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          http_filters: [{name: router, typed_config: {"@type": ${FILTERS}.http.router.v3.Router}}]
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}
  clusters:
  - name: app
    connect_timeout: 1s
    load_assignment:
      cluster_name: app
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]
`;
  const loaded = parseBootstrap(bootstrap);
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  proxy = await startProxy(loaded.config, { log: createLogger('test', 'silent') });
});

afterAll(async () => {
  await proxy.stop();
  application.closeAllConnections();
  application.close();
});

async function ask(agent: Agent): Promise<string | undefined> {
  const port = proxy.addresses().get('in')?.[0]?.port ?? 0;
  const [response] = (await once(get({ host: '127.0.0.1', port, agent }), 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.headers.connection;
}

it('a proxy that leaves asks clients to go, and serves those who do not know yet', async () => {
  const idle = new Agent({ keepAlive: true });
  expect(await ask(idle)).not.toBe('close');
  expect(proxy.ready).toBe(true);
  expect(proxy.inboundConnections).toBe(1);
  const free = Object.values(idle.freeSockets)[0]?.[0];
  if (free === undefined) throw new Error('the connection is not kept');
  const closed = once(free, 'close');
  proxy.leave();
  await closed;
  expect(proxy.ready).toBe(false);
  // New connections still come in, and every one of them is answered.
  for (let i = 0; i < 20; i++) expect(await ask(new Agent())).toBeDefined();
  idle.destroy();
});
