import { resolveHost } from '../api/hosts.js';
import type { ConfigMapSpec } from '../api/kinds/core.js';
import type { Destination } from '../api/kinds/shared.js';
import type { HttpRoute } from '../api/kinds/virtual-service.js';
import type { ConfigObject, Finding } from '../api/object.js';
import { CODE, finding } from './findings.js';
import type { MeshSnapshot } from './snapshot.js';
import type { MeshVirtualService } from './virtual-services.js';

/** Hosts and subsets that routes name and that are not there: those requests would get 503 NC. */
export function findBrokenReferences(snapshot: MeshSnapshot): Finding[] {
  const hosts = new Set(snapshot.services.map((service) => service.host));
  const wildcards = [...hosts].filter((host) => host.startsWith('*'));
  const known = (host: string): boolean =>
    hosts.has(host) || wildcards.some((wildcard) => host.endsWith(wildcard.slice(1)));
  const subsets = new Map<string, Set<string>>();
  for (const rule of snapshot.destinationRules.all) {
    const names = subsets.get(rule.host) ?? new Set<string>();
    for (const subset of rule.subsets) names.add(subset.name);
    subsets.set(rule.host, names);
  }
  const findings: Finding[] = [];
  for (const vs of snapshot.virtualServices.all) {
    for (const { destination, path } of destinations(vs)) {
      const host = resolveHost(destination.host, vs.namespace);
      const report = (field: string, what: string): void => {
        const message = `${what} is not there; requests sent to it get 503 (flag NC)`;
        findings.push(finding(vs.object, CODE.referenceNotFound, 'error', `${path}.${field}`, message));
      };
      if (!known(host)) report('host', `host ${host}`);
      else if (destination.subset !== undefined && subsets.get(host)?.has(destination.subset) !== true) {
        if (![...subsets].some(([pattern, names]) => covers(pattern, host) && names.has(destination.subset ?? ''))) {
          report('subset', `subset ${destination.subset} of ${host}`);
        }
      }
    }
  }
  return findings;
}

/** ALLOW_ANY asks for a way out to hosts that the mesh does not know, which an application's HTTP proxy has not. */
export function findMissingEgress(configMaps: readonly ConfigObject<ConfigMapSpec>[]): Finding[] {
  return configMaps
    .filter(({ spec }) => spec.mesh?.outboundTrafficPolicy?.mode?.startsWith('ALLOW_ANY') === true)
    .map((object) => {
      const message =
        'requests to hosts that no ServiceEntry knows get 502 all the same: sidecars have no way out to them in this release';
      return finding(object, CODE.noEgress, 'warning', 'data.mesh.outboundTrafficPolicy.mode', message);
    });
}

function covers(pattern: string, host: string): boolean {
  return pattern.startsWith('*') && host.endsWith(pattern.slice(1));
}

function destinations(vs: MeshVirtualService): { destination: Destination; path: string }[] {
  return (vs.spec.http ?? []).flatMap((route, i) => routeDestinations(route, `spec.http[${i}]`));
}

function routeDestinations(route: HttpRoute, path: string): { destination: Destination; path: string }[] {
  const found = (route.route ?? []).map(({ destination }, i) => ({
    destination,
    path: `${path}.route[${i}].destination`,
  }));
  if (route.mirror !== undefined) found.push({ destination: route.mirror, path: `${path}.mirror` });
  for (const [i, { destination }] of (route.mirrors ?? []).entries()) {
    found.push({ destination, path: `${path}.mirrors[${i}].destination` });
  }
  return found;
}
