import { contentHash } from '../../common/xds/content-hash.js';
import { Layered } from '../layered.js';
import type { EncodedMap, EncodedResource } from './encoded.js';

/** From one map of resources to the next. */
export interface Changes {
  /** New, or of another version. */
  readonly changed: readonly EncodedResource[];
  readonly gone: readonly string[];
}

const NONE: Changes = { changed: [], gone: [] };
const known = new WeakMap<EncodedMap, WeakMap<EncodedMap, Changes>>();

/** What differs. Found once for all proxies that go from one shared map to the other; of layers only the own part is looked at. */
export function changesBetween(before: EncodedMap, after: EncodedMap): Changes {
  if (before === after) return NONE;
  let from = known.get(before);
  if (from === undefined) {
    from = new WeakMap();
    known.set(before, from);
  }
  let changes = from.get(after);
  if (changes === undefined) {
    changes = before instanceof Layered && after instanceof Layered ? ofLayers(before, after) : ofAll(before, after);
    from.set(after, changes);
  }
  return changes;
}

function ofLayers(before: Layered<EncodedResource>, after: Layered<EncodedResource>): Changes {
  const shared = changesBetween(before.base, after.base);
  const names = new Set([...before.own.keys(), ...after.own.keys(), ...before.hidden, ...after.hidden]);
  for (const { name } of shared.changed) names.add(name);
  for (const name of shared.gone) names.add(name);
  return ofNames(names, before, after);
}

function ofAll(before: EncodedMap, after: EncodedMap): Changes {
  const changed = [...after.values()].filter(({ name, version }) => before.get(name)?.version !== version);
  return { changed, gone: [...before.keys()].filter((name) => !after.has(name)) };
}

function ofNames(names: Iterable<string>, before: EncodedMap, after: EncodedMap): Changes {
  const changed: EncodedResource[] = [];
  const gone: string[] = [];
  for (const name of names) {
    const was = before.get(name);
    const is = after.get(name);
    if (is === undefined) {
      if (was !== undefined) gone.push(name);
    } else if (is.version !== was?.version) changed.push(is);
  }
  return changed.length + gone.length === 0 ? NONE : { changed, gone };
}

const versions = new WeakMap<EncodedMap, string>();

/** A version for all of a map; equal content gives equal versions, at every replica. */
export function versionOfAll(map: EncodedMap): string {
  let version = versions.get(map);
  if (version === undefined) {
    version = contentHash(map instanceof Layered ? layersText(map) : listText(map));
    versions.set(map, version);
  }
  return version;
}

function layersText({ base, own, hidden }: Layered<EncodedResource>): string {
  return `${versionOfAll(base)} ${listText(own)} ${[...hidden].sort().join()}`;
}

function listText(map: EncodedMap): string {
  return JSON.stringify([...map].map(([name, { version }]) => [name, version]).sort());
}
