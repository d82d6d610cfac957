import type { Logger } from '../common/runtime/log.js';
import { connectToKubernetes } from './kubernetes/client.js';
import type { KubernetesParts } from './kubernetes-app.js';
import { CapturingPods } from './sources/kubernetes/capturing-pods.js';
import { KubernetesSource } from './sources/kubernetes/kubernetes-source.js';
import { translateProxyless } from './translate/proxyless.js';
import { translate } from './translate/translate.js';

/** The parts of a control plane in a cluster: its API server, and what is watched there. */
export async function kubernetesParts(log: Logger): Promise<KubernetesParts> {
  const api = await connectToKubernetes('weft-control-plane');
  return {
    api,
    source: new KubernetesSource({ api, log }),
    allotter: new CapturingPods(),
    translate: (snapshot, node, listenerNames) =>
      node.dataPlane === 'grpc' ? translateProxyless(snapshot, node, listenerNames) : translate(snapshot, node),
    report: (line) => log.warn(line),
    log,
  };
}
