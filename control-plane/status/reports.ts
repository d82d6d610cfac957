import { objectTitle } from '../api/finding.js';
import type { Finding } from '../api/object.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import { hasPlace, placeOf } from './place.js';
import type { Report } from './writer.js';

/** What is to be said about every object of Istio's API that a set holds, or that could not be read into it. */
export function reportsOf(
  set: Pick<ConfigSet, 'objects'>,
  findings: readonly Finding[],
  snapshot: Pick<MeshSnapshot, 'services'>,
): ReadonlyMap<string, Report> {
  const byObject = new Map<string, Finding[]>();
  for (const finding of findings) {
    const list = byObject.get(finding.object);
    if (list === undefined) byObject.set(finding.object, [finding]);
    else list.push(finding);
  }
  const generations = new Map<string, number>();
  for (const { kind, metadata } of set.objects.values()) {
    // Most objects of a cluster are pods and the like.
    if (!hasPlace(kind)) continue;
    generations.set(objectTitle(kind, metadata.namespace, metadata.name), metadata.generation);
  }
  const addresses = addressesByEntry(snapshot);
  const reports = new Map<string, Report>();
  for (const title of new Set([...generations.keys(), ...byObject.keys()])) {
    const place = placeOf(title);
    if (place === undefined) continue;
    const about = byObject.get(title) ?? [];
    // What stands in the set for a refused object is an older state of it.
    const refused = about.some(({ code, level }) => level === 'error' && code === 'IST0106');
    const own = addresses.get(title);
    reports.set(title, {
      place,
      generation: refused ? undefined : generations.get(title),
      findings: about,
      ...(own === undefined ? {} : { addresses: own }),
    });
  }
  return reports;
}

/** Addresses that the mesh gave to hosts of ServiceEntries, which do not name any themselves. */
function addressesByEntry(
  snapshot: Pick<MeshSnapshot, 'services'>,
): ReadonlyMap<string, readonly { readonly value: string; readonly host: string }[]> {
  const given = new Map<string, { readonly value: string; readonly host: string }[]>();
  for (const { object, host, automaticAddresses: addresses } of snapshot.services) {
    if (addresses.length === 0) continue;
    const list = given.get(object) ?? [];
    list.push(...addresses.map((value) => ({ value, host })));
    given.set(object, list);
  }
  return given;
}
