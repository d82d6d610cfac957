import type { MatchLabelsSelector, PolicyTargetReference } from '../api/kinds/shared.js';
import { selectorMatches } from '../api/labels.js';

/** Pods of a gateway of the Kubernetes Gateway API carry its name in this label. */
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** Which workloads a policy is for. */
export interface PolicyAttachment {
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  /** What it names in place of a selector; empty where it names nothing. */
  readonly targets: readonly PolicyTargetReference[];
}

/** A policy as far as it says whom it is for. */
interface Attachable {
  readonly selector?: MatchLabelsSelector;
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
}

export function policyAttachment(namespace: string, spec: Attachable): PolicyAttachment {
  const { targetRef, targetRefs = [] } = spec;
  return {
    namespace,
    selector: spec.selector?.matchLabels ?? {},
    targets: targetRefs.length > 0 || targetRef === undefined ? targetRefs : [targetRef],
  };
}

/**
 * Whether a policy that is in the root namespace, or in that of a workload, is for it. References name gateways, of the
 * policy's own namespace; other kinds are for waypoints, which there are none of.
 */
export function attaches(
  { namespace, selector, targets }: PolicyAttachment,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  if (targets.length === 0) return selectorMatches(selector, workload.labels);
  const gateway = workload.labels[GATEWAY_NAME];
  if (gateway === undefined || namespace !== workload.namespace) return false;
  return targets.some(
    ({ group = '', kind, name }) => group === GATEWAY_GROUP && kind === 'Gateway' && name === gateway,
  );
}
