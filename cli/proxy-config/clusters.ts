import { parseClusterName } from '../../common/xds/names.js';
import { at, type ConfigDump, type Json, objects, section, text } from './dump.js';

export const HEAD = ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'];

export function clusterObjects(dump: ConfigDump): Json[] {
  return objects(section(dump, 'clusters'), (entry) => entry['cluster']);
}

export function clusterRows(dump: ConfigDump): string[][] {
  return clusterObjects(dump)
    .map((cluster) => {
      const name = text(cluster, 'name');
      const key = parseClusterName(name);
      return [
        key?.host || name,
        key === undefined ? '-' : String(key.port),
        key?.subset || '-',
        key?.direction ?? '-',
        text(cluster, 'type') || text(cluster, 'cluster_type', 'name') || 'STATIC',
        destinationRule(cluster),
      ];
    })
    .sort((a, b) => a.join().localeCompare(b.join()));
}

/** `/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews` → `reviews.default`. */
function destinationRule(cluster: Json): string {
  const config = text(at(cluster, 'metadata', 'filter_metadata', 'istio'), 'config');
  const match = /namespaces\/([^/]+)\/destination-rule\/([^/]+)$/.exec(config);
  return match === null ? '' : `${match[2]}.${match[1]}`;
}
