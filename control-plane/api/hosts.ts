/** DNS domain of the cluster's services. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** `reviews` in namespace `default` → `reviews.default.svc.cluster.local`. */
export function serviceHost(name: string, namespace: string): string {
  return `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`;
}

/**
 * The full name that a rule's host stands for: a name without a dot is a service of the rule's namespace; any other name,
 * and every wildcard, stands for itself (as in Istio). Lower-case, since DNS names have no case.
 */
export function resolveHost(host: string, namespace: string): string {
  const name = host.toLowerCase();
  return name.includes('.') || name.includes('*') || name === '' ? name : serviceHost(name, namespace);
}
