import type { Gateway, InstallValues } from '../values.js';
import { CONTROL_PLANE, imageOf, labels, type Manifest, PORTS, RESTRICTED } from './names.js';

/**
 * A gateway: the sidecar's program alone in a pod, with the labels that users' Gateway selectors expect
 * (`istio: ingressgateway`, `istio: egressgateway`).
 */
export function gateway(kind: 'ingress' | 'egress', values: InstallValues): Manifest[] {
  const name = `istio-${kind}gateway`;
  const own = { app: name, istio: `${kind}gateway` };
  const metadata = { name, namespace: values.namespace, labels: { ...labels(name), ...own } };
  const settings = values.gateways[kind];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: service(settings, own) },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deployment(name, own, settings, values) },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: 1, selector: { matchLabels: own } },
    },
  ];
}

/** Listened at above 1023, so that no privilege is needed; Gateways say 80 and 443 and are translated by the Service. */
const SERVED = [
  { name: 'http2', port: 80, targetPort: 8080 },
  { name: 'https', port: 443, targetPort: 8443 },
] as const;

function service({ type }: Gateway, own: object): object {
  const status = { name: 'status-port', port: 15021, targetPort: 15021 };
  return { type, selector: own, ports: [status, ...SERVED] };
}

function deployment(name: string, own: object, settings: Gateway, values: InstallValues): object {
  return {
    replicas: settings.replicas,
    selector: { matchLabels: own },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: {
        labels: {
          ...own,
          'sidecar.istio.io/inject': 'false',
          'service.istio.io/canonical-name': name,
          'service.istio.io/canonical-revision': 'latest',
        },
        annotations: {
          'prometheus.io/scrape': 'true',
          'prometheus.io/port': '15020',
          'prometheus.io/path': '/stats/prometheus',
        },
      },
      spec: {
        serviceAccountName: name,
        securityContext: { runAsNonRoot: true, runAsUser: 1337, runAsGroup: 1337, fsGroup: 1337 },
        containers: [container(name, settings, values)],
        volumes: volumes(),
      },
    },
  };
}

function container(name: string, settings: Gateway, values: InstallValues): object {
  const field = (variable: string, path: string): object => ({
    name: variable,
    valueFrom: { fieldRef: { fieldPath: path } },
  });
  return {
    name: 'istio-proxy',
    image: imageOf(values, 'weft-proxy'),
    imagePullPolicy: values.image.pullPolicy,
    args: ['proxy', 'router'],
    env: [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('INSTANCE_IP', 'status.podIP'),
      field('HOST_IP', 'status.hostIP'),
      field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
      { name: 'ISTIO_META_WORKLOAD_NAME', value: name },
      { name: 'ISTIO_META_INTERCEPTION_MODE', value: 'NONE' },
      { name: 'WEFT_LOG_LEVEL', value: values.proxy.logLevel },
      { name: 'CA_ADDR', value: `${CONTROL_PLANE}.${values.namespace}.svc:${PORTS.xds}` },
    ],
    ports: [
      ...SERVED.map(({ name: port, targetPort }) => ({ name: port, containerPort: targetPort })),
      { name: 'http-envoy-prom', containerPort: 15090 },
      { name: 'status-port', containerPort: 15021 },
    ],
    startupProbe: { httpGet: { path: '/healthz/ready', port: 15021 }, periodSeconds: 1, failureThreshold: 120 },
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15021 }, periodSeconds: 5, timeoutSeconds: 3 },
    resources: settings.resources,
    securityContext: RESTRICTED,
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
      { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
      { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
      { name: 'istio-data', mountPath: '/etc/istio/proxy' },
    ],
  };
}

function volumes(): object[] {
  return [
    {
      name: 'istio-token',
      projected: {
        sources: [{ serviceAccountToken: { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 43_200 } }],
      },
    },
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        ],
      },
    },
    { name: 'istio-data', emptyDir: {} },
  ];
}
