import { meshConfig, routes, rule } from './field-mesh.js';

/** What the kinds of change are about; each has a file of its own. */
export const KINDS = ['routes', 'subsets', 'listeners', 'authentication', 'endpoints', 'clusters', 'settings'] as const;

export type Kind = (typeof KINDS)[number];

export interface Change {
  readonly file: string;
  readonly text: string;
}

const BALANCERS = ['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM'];

/** The `n`-th configuration of a kind. All of them leave `shop` and `ext.test` reachable. */
export function changeOf(kind: Kind, n: number, ports: { readonly shop: number }): Change {
  return { file: `${kind}.yaml`, text: TEXTS[kind](n, ports.shop) };
}

const TEXTS: Readonly<Record<Kind, (n: number, port: number) => string>> = {
  routes: (n) =>
    routes(
      `[{match: [{uri: {prefix: /only-${n}}}], route: [{destination: {host: shop, subset: v2}}]},
  {timeout: ${20 + (n % 5)}s, headers: {response: {set: {x-n: "${n}"}}}, route: [
    {destination: {host: shop, subset: v1}, weight: ${n % 101}}, {destination: {host: shop, subset: v2}, weight: ${100 - (n % 101)}}]}]`,
    ),
  subsets: (n) =>
    rule(
      `trafficPolicy: {loadBalancer: {simple: ${BALANCERS[n % 3]}}, connectionPool: {tcp: {maxConnections: ${100 + (n % 7)}}, http: {maxRetries: ${3 + (n % 4)}}}},
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: ${BALANCERS[(n + 1) % 3]}}}}]`,
    ),
  // The client's sidecar listens on these ports, or not.
  listeners: (n) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: passing}
spec:
  hosts: [passing-${n % 3}.test]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: ${n % 2 === 0 ? 7000 : 7001}, name: ${n % 2 === 0 ? 'tcp' : 'http'}, protocol: ${n % 2 === 0 ? 'TCP' : 'HTTP'}}]
  endpoints: [{address: 127.0.0.1}]
`,
  authentication: (n) => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: ${n % 2 === 0 ? 'PERMISSIVE' : 'STRICT'}}}
`,
  endpoints: (n, port) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: many}
spec:
  hosts: [many.test]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [${Array.from({ length: 1 + (n % 3) }, (_, i) => `{address: 127.0.0.${i + 1}, ports: {http: ${port}}}`).join(', ')}]
`,
  // Another type makes another cluster, which takes over when it is warm.
  clusters: (n, port) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ext}
spec:
  hosts: [ext.test]
  location: MESH_EXTERNAL
  resolution: ${n % 2 === 0 ? 'STATIC' : 'DNS'}
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: ${port}}}]
`,
  settings: (n) => meshConfig(`accessLogFile: /dev/null, accessLogFormat: "%PROTOCOL% ${n % 5}"`),
};
