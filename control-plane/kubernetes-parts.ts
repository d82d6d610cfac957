import type { Logger } from '../common/runtime/log.js';
import type { ClusterContext } from './cluster-service.js';
import { connectToKubernetes } from './kubernetes/client.js';
import type { KubernetesParts } from './kubernetes-app.js';
import { serviceNames } from './kubernetes-config.js';
import { CaptureAllotter } from './sources/kubernetes/capture-allotter.js';
import { KubernetesSource } from './sources/kubernetes/kubernetes-source.js';
import { translateProxyless } from './translate/proxyless.js';
import { translate } from './translate/translate.js';
import { injectionFromEnvironment } from './webhooks/inject/installation.js';
import { webhookMetrics } from './webhooks/metrics.js';
import { WebhookService } from './webhooks/service.js';

/** When the API server is back, everything is up to date after this time at the latest. */
const RETRY_MS = 5000;

/** The parts of a control plane in a cluster: its API server, and what is watched there. */
export async function kubernetesParts(log: Logger, rootNamespace: string): Promise<KubernetesParts> {
  const api = await connectToKubernetes('weft-control-plane');
  return {
    api,
    source: new KubernetesSource({ api, rootNamespace, log, limits: { maxMs: RETRY_MS } }),
    allotter: new CaptureAllotter(),
    translate: (snapshot, node, listenerNames) =>
      node.dataPlane === 'grpc' ? translateProxyless(snapshot, node, listenerNames) : translate(snapshot, node),
    services: (context) => [webhooks(context)],
    report: (line) => log.warn(line),
    log,
  };
}

function webhooks(context: ClusterContext): WebhookService {
  const { config, mesh, metrics } = context;
  return new WebhookService({
    ...context,
    host: config.host,
    port: config.webhookPort,
    dnsNames: serviceNames(config),
    injection: injectionFromEnvironment(process.env, config.namespace),
    configuration: () => mesh.configuration,
    events: webhookMetrics(metrics.registry),
  });
}
