import { at, type ConfigDump, type Json, list, objects, section, text } from './dump.js';

export const HEAD = ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'DESTINATION'];

export function routeObjects(dump: ConfigDump): Json[] {
  return objects(section(dump, 'routes'), (entry) => entry['route_config']);
}

export function routeRows(dump: ConfigDump): string[][] {
  return routeObjects(dump).flatMap((table) =>
    list(table, 'virtual_hosts').flatMap((host) =>
      list(host, 'routes').map((route) => [
        text(table, 'name'),
        text(host, 'name'),
        domains(host),
        match(route),
        destination(route),
      ]),
    ),
  );
}

function domains(host: Json): string {
  const all = at(host, 'domains');
  if (!Array.isArray(all)) return '';
  return all.length > 2 ? `${all.slice(0, 2).join(', ')} + ${all.length - 2} more` : all.join(', ');
}

function match(route: Json): string {
  const parts: string[] = [];
  const prefix = text(route, 'match', 'prefix');
  const path = text(route, 'match', 'path');
  const regex = text(route, 'match', 'safe_regex', 'regex');
  const separated = text(route, 'match', 'path_separated_prefix');
  if (prefix !== '') parts.push(`${prefix}*`);
  if (separated !== '') parts.push(`${separated}/*`);
  if (path !== '') parts.push(path);
  if (regex !== '') parts.push(`regex ${regex}`);
  if (at(route, 'match', 'connect_matcher') !== undefined) parts.push('CONNECT');
  for (const header of list(route, 'match', 'headers')) parts.push(`header ${text(header, 'name')}`);
  for (const parameter of list(route, 'match', 'query_parameters')) parts.push(`query ${text(parameter, 'name')}`);
  return parts.join(' ');
}

function destination(route: Json): string {
  const cluster = text(route, 'route', 'cluster');
  if (cluster !== '') return cluster;
  const weighted = list(route, 'route', 'weighted_clusters', 'clusters');
  if (weighted.length > 0)
    return weighted.map((entry) => `${text(entry, 'name')} (${text(entry, 'weight') || '0'})`).join(', ');
  if (at(route, 'redirect') !== undefined) return 'redirect';
  const direct = text(route, 'direct_response', 'status');
  return direct === '' ? '-' : `answer ${direct}`;
}
