import type { V1Pod } from '@kubernetes/client-node';

/** What a pod belongs to, as users know it: the Deployment, not its ReplicaSet. */
export interface WorkloadOwner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

/** A CronJob names its Jobs by the minute. */
const OF_CRON_JOB = /^(.+)-\d{8,10}$/;

/** From the pod's controller, whose name follows a rule; the pod itself where it has none. */
export function ownerOf(pod: V1Pod): WorkloadOwner {
  const { metadata } = pod;
  const labels = metadata?.labels ?? {};
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return { apiVersion: 'v1', kind: 'Pod', name: podName(pod) };
  const { apiVersion, kind, name } = owner;
  if (kind === 'ReplicaSet') {
    const rollout = withoutHash(name, labels['rollouts-pod-template-hash']);
    if (rollout !== undefined) return { apiVersion: 'v1alpha1', kind: 'Rollout', name: rollout };
    const deployment = withoutHash(name, labels['pod-template-hash']);
    if (deployment !== undefined) return { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment };
  }
  const cronJob = kind === 'Job' ? OF_CRON_JOB.exec(name)?.[1] : undefined;
  if (cronJob !== undefined) return { apiVersion, kind: 'CronJob', name: cronJob };
  return { apiVersion, kind, name };
}

/** The name, or what it will begin with: a pod under admission may not have one yet. */
export function podName(pod: V1Pod): string {
  const { name = '', generateName = '' } = pod.metadata ?? {};
  return name !== '' ? name : generateName.replace(/-$/, '');
}

function withoutHash(name: string, hash: string | undefined): string | undefined {
  return hash !== undefined && hash !== '' && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : undefined;
}
