import type { V1Pod } from '@kubernetes/client-node';
import type { KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { type Cluster, listAll } from '../mesh/cluster.js';
import { leftoversIn } from './leftovers.js';
import type { Plan } from './plan.js';
import { read, remove, type Target, titleOf } from './target.js';

export interface RunOptions {
  /** How long to wait for what ends by itself, ms. */
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** Deletes what the plan says, in its order. True when nothing of it is left; what is left has been said. */
export async function runUninstall({ api, rootNamespace }: Cluster, plan: Plan, options: RunOptions): Promise<boolean> {
  const { say } = options;
  const gone = async (one: Target): Promise<void> => {
    await remove(api, one);
    say(`deleted ${titleOf(one)}`);
  };
  for (const one of [...plan.webhooks, ...plan.workloads]) await gone(one);
  // A control plane that still ran would write again what is deleted next.
  const ended = await until(options, async () => (await replicas(api, rootNamespace)).length === 0);
  if (!ended) say(`the control plane's pods have not ended yet: run this again when they have`);
  for (const one of plan.others) await gone(one);
  for (const { target } of plan.definitions) await gone(target);
  const paths = plan.definitions.map(({ target }) => target);
  if (!(await until(options, () => allGone(api, paths)))) say('some definitions wait for their objects to be deleted');
  return ended && (await endNamespace(api, plan.namespace, options));
}

async function replicas(api: KubernetesApi, namespace: string): Promise<V1Pod[]> {
  const labelSelector = 'app.kubernetes.io/name=weft-control-plane';
  return listAll<V1Pod>(api, `/api/v1/namespaces/${namespace}/pods`, { labelSelector });
}

async function endNamespace(api: KubernetesApi, namespace: Target | undefined, options: RunOptions): Promise<boolean> {
  if (namespace === undefined) return true;
  const left = await leftoversIn(api, namespace.name);
  if (left.length > 0) {
    options.say(
      `namespace ${namespace.name} stays: it holds ${left.slice(0, 10).join(', ')}${left.length > 10 ? ', …' : ''}`,
    );
    return true;
  }
  await remove(api, namespace);
  if (await until(options, () => allGone(api, [namespace]))) options.say(`deleted ${titleOf(namespace)}`);
  else
    options.say(
      `namespace ${namespace.name} is being deleted: kubectl get namespace ${namespace.name} -o yaml says what it waits for`,
    );
  return true;
}

async function allGone(api: KubernetesApi, targets: readonly Target[]): Promise<boolean> {
  const there = await Promise.all(targets.map(({ path }) => read(api, path)));
  return there.every((object) => object === undefined);
}

async function until({ timeoutMs, now, pause }: RunOptions, holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = now() + timeoutMs;
  for (;;) {
    if (await holds()) return true;
    if (now() >= deadline) return false;
    await pause(500);
  }
}
