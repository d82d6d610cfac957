import { at, type ConfigDump, isJson, type Json, list, objects, section, text } from './dump.js';

export const HEAD = ['NAME', 'ADDRESS', 'PORT', 'MATCH', 'DESTINATION'];

export function listenerObjects(dump: ConfigDump): Json[] {
  return objects(section(dump, 'listeners'), (entry) => at(entry, 'active_state', 'listener') ?? entry['listener']);
}

export function listenerRows(dump: ConfigDump): string[][] {
  return listenerObjects(dump).flatMap((listener) => {
    const chains = [...list(listener, 'filter_chains'), ...[at(listener, 'default_filter_chain')].filter(isJson)];
    return chains.map((chain, index) => [
      index === 0 ? text(listener, 'name') : '',
      index === 0 ? text(listener, 'address', 'socket_address', 'address') : '',
      index === 0 ? text(listener, 'address', 'socket_address', 'port_value') : '',
      match(chain),
      destination(chain),
    ]);
  });
}

function match(chain: Json): string {
  const criteria = chain['filter_chain_match'];
  const parts: string[] = [];
  const transport = text(criteria, 'transport_protocol');
  if (transport !== '') parts.push(`Trans: ${transport}`);
  const applications = at(criteria, 'application_protocols');
  if (Array.isArray(applications)) parts.push(`App: ${applications.join(',')}`);
  const names = at(criteria, 'server_names');
  if (Array.isArray(names)) parts.push(`SNI: ${names.join(',')}`);
  const port = text(criteria, 'destination_port');
  if (port !== '') parts.push(`Port: ${port}`);
  for (const [field, label] of RANGES) {
    const ranges = list(criteria, field).map((r) => `${text(r, 'address_prefix')}/${text(r, 'prefix_len')}`);
    if (ranges.length > 0) parts.push(`${label}: ${ranges.join(',')}`);
  }
  return parts.join('; ') || 'ALL';
}

const RANGES = [
  ['prefix_ranges', 'Addr'],
  ['source_prefix_ranges', 'Source'],
] as const;

function destination(chain: Json): string {
  const filters = list(chain, 'filters');
  const terminal = at(filters.at(-1), 'typed_config');
  const rds = text(terminal, 'rds', 'route_config_name');
  if (rds !== '') return `Route: ${rds}`;
  const inline = text(terminal, 'route_config', 'name');
  if (inline !== '') return `Inline Route: ${inline}`;
  const weighted = list(at(terminal, 'weighted_clusters'), 'clusters');
  if (weighted.length > 0) {
    return `Clusters: ${weighted.map((w) => `${text(w, 'name')} (${text(w, 'weight')})`).join(', ')}`;
  }
  const cluster = text(terminal, 'cluster');
  return cluster === '' ? '-' : `Cluster: ${cluster}`;
}
