/** Ids of the graph's nodes and edges. They say themselves what they mean, so that a link to one lives as long as what it names. */
export const OUTSIDE_ID = 'outside';

export function workloadId(namespace: string, name: string): string {
  return `workload/${namespace}/${name}`;
}

export function serviceId(host: string): string {
  return `service/${host}`;
}

export function edgeId(source: string, destination: string, service: string, protocol: string): string {
  return `${source}>${destination}>${service}>${protocol}`;
}
