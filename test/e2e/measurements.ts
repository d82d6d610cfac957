import { expect, it } from 'vitest';
import { Load } from './calls.js';
import { apply, kubectl, MESH, PLAIN, remove, rolledOut, SYSTEM, until } from './cluster.js';
import { TOOLS_IMAGE } from './fixtures.js';

// Debian builds its Prometheus without kubernetes_sd_configs. This gives it the same pods with the same labels by HTTP, so
// that the rules below are the ones that everybody has.
const DISCOVERY = `
const fs = require('fs'), https = require('https');
const folder = '/var/run/secrets/kubernetes.io/serviceaccount/';
const ca = fs.readFileSync(folder + 'ca.crt');
const label = (text) => text.replace(/[^a-zA-Z0-9_]/g, '_');
function group(pod) {
  const labels = { __meta_kubernetes_pod_ip: pod.status.podIP, __meta_kubernetes_namespace: pod.metadata.namespace,
    __meta_kubernetes_pod_name: pod.metadata.name, __meta_kubernetes_pod_phase: pod.status.phase };
  for (const [name, value] of Object.entries(pod.metadata.annotations || {}))
    labels['__meta_kubernetes_pod_annotation_' + label(name)] = value;
  return { targets: [pod.status.podIP], labels };
}
require('http').createServer((request, response) => {
  const headers = { authorization: 'Bearer ' + fs.readFileSync(folder + 'token') };
  https.get({ host: 'kubernetes.default.svc', path: '/api/v1/pods', ca, headers }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => { text += chunk; });
    answer.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(JSON.parse(text).items.filter((pod) => pod.status.podIP).map(group)));
    });
  }).on('error', () => { response.statusCode = 503; response.end(); });
}).listen(8080, '127.0.0.1');
`;

/** Discovery as everybody has it: pods, by their annotations prometheus.io/*. */
const CONFIG = `
global: {scrape_interval: 3s, scrape_timeout: 3s}
scrape_configs:
  - job_name: pods
    http_sd_configs: [{url: "http://127.0.0.1:8080/", refresh_interval: 2s}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: "true"}
      - {source_labels: [__meta_kubernetes_namespace], action: keep, regex: "${MESH}|${SYSTEM}"}
      - {source_labels: [__meta_kubernetes_pod_phase], action: drop, regex: Pending|Succeeded|Failed|Completed}
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], action: replace, target_label: __metrics_path__, regex: (.+)}
      - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], action: replace, regex: (.+);(\\d+), replacement: "$1:$2", target_label: __address__}
      - {source_labels: [__meta_kubernetes_namespace], action: replace, target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], action: replace, target_label: pod}
`;

export const PROMETHEUS_ROLE = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: weft-e2e-prometheus}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: weft-e2e-prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weft-e2e-prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: ${PLAIN}}]
`;

const PROMETHEUS = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus}
data:
  prometheus.yml: ${JSON.stringify(CONFIG)}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus}
spec:
  selector: {matchLabels: {app: prometheus}}
  template:
    metadata: {labels: {app: prometheus}}
    spec:
      serviceAccountName: prometheus
      containers:
        - name: app
          image: ${TOOLS_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [prometheus, --config.file=/etc/prometheus-e2e/prometheus.yml, --storage.tsdb.path=/data]
          volumeMounts: [{name: config, mountPath: /etc/prometheus-e2e}, {name: data, mountPath: /data}]
        - name: discovery
          image: ${TOOLS_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [node, -e, ${JSON.stringify(DISCOVERY)}]
      volumes: [{name: config, configMap: {name: prometheus}}, {name: data, emptyDir: {}}]
      securityContext: {fsGroup: 1337}
`;

const FAULT = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: details}
spec:
  hosts: [details]
  http: [{fault: {abort: {httpStatus: 503, percentage: {value: 30}}}, route: [{destination: {host: details}}]}]
`;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function query(promql: string): Promise<readonly Series[]> {
  const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(promql)}`;
  const script = `fetch(${JSON.stringify(url)}).then(async r=>process.stdout.write(await r.text()))`;
  const text = await kubectl('exec', '-n', PLAIN, 'deploy/prometheus', '--', 'node', '-e', script);
  return (JSON.parse(text) as { data: { result: readonly Series[] } }).data.result;
}

const value = (series: Series | undefined): number => Number(series?.value[1] ?? 0);

/** A real Prometheus, which finds the pods by their annotations. */
export function measurements(): void {
  it('is found by Prometheus: every pod of the sample and the control plane', async () => {
    await apply(PROMETHEUS_ROLE, PLAIN);
    await apply(PROMETHEUS, PLAIN);
    await rolledOut(PLAIN, 'deploy/prometheus');
    const pods = await until('targets', async () => {
      const up = (await query('up{job="pods"} == 1')).map(({ metric }) => metric['pod'] ?? '');
      const wanted = [
        'productpage',
        'details',
        'reviews-v1',
        'reviews-v2',
        'reviews-v3',
        'ratings',
        'weft-control-plane',
      ];
      return wanted.every((name) => up.some((pod) => pod.startsWith(name))) && up;
    });
    expect(pods.length).toBeGreaterThanOrEqual(7);
  });

  it('answers the usual queries for request rate, error rate and p99', async () => {
    await apply(FAULT);
    const loads = ['http://details:9080/details/0', 'http://productpage:9080/productpage'].map(
      (url) => new Load({ url }),
    );
    try {
      await until('a request rate', async () => {
        const rate = await query(
          'sum by (source_workload, destination_workload, connection_security_policy) (rate(istio_requests_total{reporter="destination"}[60s]))',
        );
        const hop = rate.find(
          ({ metric }) => metric['source_workload'] === 'client' && metric['destination_workload'] === 'details-v1',
        );
        return value(hop) > 1 && hop?.metric['connection_security_policy'] === 'mutual_tls';
      });
      await until('an error rate', async () => {
        const service = `destination_service="details.${MESH}.svc.cluster.local"`;
        const [errors] = await query(
          `sum(rate(istio_requests_total{reporter="source",${service},response_code=~"5.."}[60s])) / sum(rate(istio_requests_total{reporter="source",${service}}[60s]))`,
        );
        return value(errors) > 0.05 && value(errors) < 0.6;
      });
      await until('p99', async () => {
        const series = await query(
          'histogram_quantile(0.99, sum by (le, destination_workload) (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[60s])))',
        );
        return value(series.find(({ metric }) => metric['destination_workload'] === 'productpage-v1')) > 0;
      });
    } finally {
      await Promise.all(loads.map((load) => load.stop()));
      await remove(FAULT);
    }
    await kubectl('delete', '-n', PLAIN, 'deploy/prometheus', '--wait=false');
  });
}
