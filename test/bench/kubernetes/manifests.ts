import { readFileSync } from 'node:fs';

/** Where the bench's pods live; it is gone afterwards. */
export const NAMESPACE = 'weft-bench';
/** A client without a sidecar. */
export const PLAIN_CLIENT = 'plain';
export const PORT = 9080;

export interface Side {
  /** Its column in the tables. */
  readonly name: string;
  /** Of the sidecar; undefined: ours, as it is injected. */
  readonly image: string | undefined;
  /** HTTP/2 between its sidecars. */
  readonly h2: boolean;
}

export interface Images {
  /** Has Node at /usr/local/bin/node, for load generator and application. */
  readonly node: string;
  readonly envoy: string | undefined;
}

export const SIDES: readonly Omit<Side, 'image'>[] = [
  { name: 'weft', h2: false },
  { name: 'envoy', h2: false },
  { name: 'envoy-h2', h2: true },
];

/** The load generator with what it imports; compiled, it lies beside this folder. */
const MODULES = ['http1.js', 'http1-app.js', 'closed-loop.js', 'histogram.js', 'orders.js'];

/** Everything of the bench, to be applied together. The access log is off, as with Istio's default profile. */
export function manifests(sides: readonly Side[], image: string): object {
  const items = [namespace(), modules(), quiet(), pod(PLAIN_CLIENT, image, IDLE, { sidecar: 'no' })];
  for (const side of sides) {
    const server = `${side.name}-server`;
    items.push(pod(`${side.name}-client`, image, IDLE, side), pod(server, image, SERVE, side), service(server));
    if (side.h2) items.push(h2(server));
  }
  return { apiVersion: 'v1', kind: 'List', items };
}

const IDLE = ['-e', "process.on('SIGTERM',()=>process.exit(0));setInterval(()=>{},1e9)"];
const SERVE = ['/bench/http1.js'];

function namespace(): object {
  const labels = { 'istio-injection': 'enabled' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
}

function modules(): object {
  const texts = MODULES.map((name) => [name, readFileSync(new URL(`../load/${name}`, import.meta.url), 'utf8')]);
  const data = { ...(Object.fromEntries(texts) as object), 'package.json': '{"type":"module"}' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'load', namespace: NAMESPACE }, data };
}

function quiet(): object {
  return {
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: { name: 'quiet', namespace: NAMESPACE },
    spec: { accessLogging: [{ disabled: true }] },
  };
}

function pod(name: string, image: string, args: readonly string[], side: Side | { readonly sidecar: 'no' }): object {
  const serves = args === SERVE;
  const proxy: Record<string, string> = { 'sidecar.istio.io/proxyCPU': '10m', 'sidecar.istio.io/proxyMemory': '64Mi' };
  if ('image' in side && side.image !== undefined) proxy['sidecar.istio.io/proxyImage'] = side.image;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          labels: { app: name, 'sidecar.istio.io/inject': String(!('sidecar' in side)) },
          annotations: proxy,
        },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'app',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['/usr/local/bin/node', ...args],
              env: [{ name: 'BENCH_PORT', value: String(PORT) }],
              ...(serves && { readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 } }),
              volumeMounts: [{ name: 'load', mountPath: '/bench' }],
            },
          ],
          volumes: [{ name: 'load', configMap: { name: 'load' } }],
        },
      },
    },
  };
}

function service(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: PORT }] },
  };
}

function h2(host: string): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: host, namespace: NAMESPACE },
    spec: { host, trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } } },
  };
}
