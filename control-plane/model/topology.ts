/** Where something runs, as failover by labels sees it: its labels, and those that Istio derives from its locality. */
export function topologyLabels(place: {
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
}): Readonly<Record<string, string>> {
  const [region = '', zone = '', subzone = ''] = place.locality.split('/');
  return {
    ...(region !== '' && { 'topology.kubernetes.io/region': region }),
    ...(zone !== '' && { 'topology.kubernetes.io/zone': zone }),
    ...(subzone !== '' && { 'topology.istio.io/subzone': subzone }),
    'topology.istio.io/cluster': 'Kubernetes',
    ...place.labels,
  };
}
