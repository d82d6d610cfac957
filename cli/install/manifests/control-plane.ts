import type { InstallValues } from '../values.js';
import { CONTROL_PLANE, imageOf, labels, type Manifest, PORTS, RESTRICTED } from './names.js';

/** Istio's Secret with the roots of an external signer. */
const SIGNER_ROOTS = 'external-ca-cert';

export function controlPlane(values: InstallValues): Manifest[] {
  const { namespace } = values;
  const metadata = { name: CONTROL_PLANE, namespace, labels: labels(CONTROL_PLANE) };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: service() },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deployment(values) },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: 1, selector: { matchLabels: selector() } },
    },
  ];
}

function selector(): Record<string, string> {
  return { 'app.kubernetes.io/name': CONTROL_PLANE };
}

function service(): object {
  const port = (name: string, number: number, target: number): object => ({ name, port: number, targetPort: target });
  return {
    selector: selector(),
    ports: [
      { ...port('grpc-xds', PORTS.xds, PORTS.xds), appProtocol: 'grpc' },
      port('http-monitoring', PORTS.monitoring, PORTS.monitoring),
      port('https-webhook', 443, PORTS.webhooks),
    ],
  };
}

function deployment(values: InstallValues): object {
  return {
    replicas: values.controlPlane.replicas,
    selector: { matchLabels: selector() },
    // One more first, so that webhooks and sidecars always find one.
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: {
        labels: { ...labels(CONTROL_PLANE), 'sidecar.istio.io/inject': 'false' },
        annotations: {
          'prometheus.io/scrape': 'true',
          'prometheus.io/port': String(PORTS.monitoring),
          'prometheus.io/path': '/metrics',
        },
      },
      spec: {
        serviceAccountName: CONTROL_PLANE,
        securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 },
        terminationGracePeriodSeconds: 30,
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: selector() },
          },
        ],
        containers: [container(values)],
        volumes: [
          { name: 'tmp', emptyDir: {} },
          { name: SIGNER_ROOTS, secret: { secretName: SIGNER_ROOTS, optional: true } },
        ],
      },
    },
  };
}

function container(values: InstallValues): object {
  const { controlPlane, proxy, injection, image, clusterDomain } = values;
  const field = (name: string, path: string): object => ({ name, valueFrom: { fieldRef: { fieldPath: path } } });
  return {
    name: 'control-plane',
    image: imageOf(values, 'weft-control'),
    imagePullPolicy: image.pullPolicy,
    args: ['control-plane', '--kubernetes', '--cert-ttl', controlPlane.certTtl, '--cluster-domain', clusterDomain],
    env: [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      { name: 'CA_SIGNER', value: values.caSigner.name },
      { name: 'CA_SIGNER_ROOTS', value: `/etc/${SIGNER_ROOTS}/root-cert.pem` },
      { name: 'WEFT_LOG_LEVEL', value: controlPlane.logLevel },
      { name: 'WEFT_PROMETHEUS', value: controlPlane.prometheus },
      { name: 'PROXY_IMAGE', value: imageOf(values, 'weft-proxy') },
      { name: 'PROXY_IMAGE_PULL_POLICY', value: image.pullPolicy },
      { name: 'PROXY_LOG_LEVEL', value: proxy.logLevel },
      { name: 'PROXY_RESOURCES', value: JSON.stringify(proxy.resources) },
      { name: 'INJECT_BY_DEFAULT', value: String(injection.enableNamespacesByDefault) },
      { name: 'NATIVE_SIDECARS', value: injection.nativeSidecars },
    ],
    ports: [
      { name: 'grpc-xds', containerPort: PORTS.xds },
      { name: 'monitoring', containerPort: PORTS.monitoring },
      { name: 'webhooks', containerPort: PORTS.webhooks },
    ],
    startupProbe: { httpGet: { path: '/ready', port: PORTS.monitoring }, periodSeconds: 1, failureThreshold: 120 },
    readinessProbe: { httpGet: { path: '/ready', port: PORTS.monitoring }, periodSeconds: 3, timeoutSeconds: 5 },
    // Patient: one that is short of CPU would, started anew, need more of it, while proxies go on with what they have.
    livenessProbe: {
      httpGet: { path: '/live', port: PORTS.monitoring },
      periodSeconds: 15,
      timeoutSeconds: 15,
      failureThreshold: 8,
    },
    resources: controlPlane.resources,
    securityContext: RESTRICTED,
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: SIGNER_ROOTS, mountPath: `/etc/${SIGNER_ROOTS}`, readOnly: true },
    ],
  };
}
