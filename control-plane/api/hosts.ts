let domain = 'cluster.local';

/** DNS domain of the cluster's services; `cluster.local` unless the process began with another. */
export function clusterDomain(): string {
  return domain;
}

/** For the start of a process, before it reads any configuration: every name of a service depends on it. */
export function setClusterDomain(name: string): void {
  domain = name.toLowerCase().replace(/^\.|\.$/g, '');
}

/** `reviews` in namespace `default` → `reviews.default.svc.cluster.local`, by {@link clusterDomain}. */
export function serviceHost(name: string, namespace: string): string {
  return `${name}.${namespace}.svc.${domain}`;
}

/**
 * The full name that a rule's host stands for: a name without a dot is a service of the rule's namespace; any other name,
 * and every wildcard, stands for itself (as in Istio). Lower-case, since DNS names have no case.
 */
export function resolveHost(host: string, namespace: string): string {
  const name = host.toLowerCase();
  return name.includes('.') || name.includes('*') || name === '' ? name : serviceHost(name, namespace);
}
