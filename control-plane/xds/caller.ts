import type { VerifiedCaller } from '../ca/tokens.js';
import type { ProxyNode } from '../model/proxy-node.js';

/** A node is not who its token says, or not one of its account. */
export class ForeignNodeError extends Error {}

/** Throws a {@link ForeignNodeError} unless the token is of the node's namespace and account, and of its pod. */
export function checkCaller(node: ProxyNode, caller: VerifiedCaller): void {
  const bound = caller.pod === undefined || caller.pod === node.workload;
  if (!bound) {
    throw new ForeignNodeError(
      `the token of the pod ${caller.namespace}/${caller.pod} does not fit the node ${node.id}`,
    );
  }
  if (node.namespace === caller.namespace && node.serviceAccount === caller.serviceAccount) return;
  throw new ForeignNodeError(
    `the token of ${caller.namespace}/${caller.serviceAccount} does not fit the node ${node.id} of ${node.namespace}/${node.serviceAccount}`,
  );
}

/** A node says itself which workload it is: it must be one of its own account, where the configuration knows it. */
export function checkAccount(node: ProxyNode, account: string | undefined): void {
  if (account === undefined || account === node.serviceAccount) return;
  throw new ForeignNodeError(
    `${node.namespace}/${node.workload} runs as ${account}, not as ${node.serviceAccount} like the node ${node.id}`,
  );
}
