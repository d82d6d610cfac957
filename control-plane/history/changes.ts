import { createTwoFilesPatch } from 'diff';
import type { ChangedObject, Changes, ConfigVersion } from '../../common/observe/changes.js';
import type { ProxyFacts } from '../observe/facts.js';
import type { History, Version } from './history.js';
import { kindOfChange, nameOfChange, type ObjectChange, textOf } from './kept-objects.js';

/** Longer texts are not compared, and of a version that changed more no more is told. */
const MAX_TEXT = 200_000;
const MAX_OBJECTS = 100;
const DIFF_MS = 200;

/** Which versions the proxies have: the newest that each had in force, in all types, when somebody looked. */
export class Progress {
  private readonly reached = new Map<string, number>();

  /** Takes the state of the proxies while `latest` is the newest version. */
  look(proxies: readonly ProxyFacts[], latest: number): void {
    const keys = new Set(proxies.map(({ status }) => status.id));
    for (const key of this.reached.keys()) if (!keys.has(key)) this.reached.delete(key);
    for (const { status } of proxies) if (syncOf(status) === 'synced') this.reached.set(status.id, latest);
  }

  of(
    version: number,
    latest: number,
    proxies: readonly ProxyFacts[],
  ): Omit<ConfigVersion, 'version' | 'time' | 'objects'> {
    let [acknowledged, refused] = [0, 0];
    for (const { status } of proxies) {
      if ((this.reached.get(status.id) ?? 0) >= version) acknowledged++;
      else if (version === latest && syncOf(status) === 'refused') refused++;
    }
    return { proxies: proxies.length, acknowledged, refused };
  }
}

function syncOf({ types }: ProxyFacts['status']): 'synced' | 'refused' | 'behind' {
  const all = Object.values(types).map(({ status }) => status);
  if (all.includes('NACKED')) return 'refused';
  return all.includes('STALE') ? 'behind' : 'synced';
}

/** `GET /api/changes?since=MS`. */
export function changesPage(
  history: History,
  progress: Progress,
  proxies: readonly ProxyFacts[],
  since: number,
  notes: readonly string[],
): Changes {
  const latest = history.latest?.number ?? 0;
  progress.look(proxies, latest);
  const versions = history.versions
    .filter(({ time }) => time >= since)
    .map((version) => ({
      version: version.id,
      time: version.time,
      objects: changedObjects(version),
      ...progress.of(version.number, latest, proxies),
    }))
    .reverse();
  return { versions, notes };
}

const told = new WeakMap<Version, readonly ChangedObject[]>();

function changedObjects(version: Version): readonly ChangedObject[] {
  let objects = told.get(version);
  if (objects === undefined) {
    objects = version.changes
      .slice(0, MAX_OBJECTS)
      .map((change) => ({ ...nameOfChange(change), change: kindOfChange(change), diff: diffOf(change) }));
    told.set(version, objects);
  }
  return objects;
}

function diffOf({ before, after }: ObjectChange): string {
  const [old, young] = [before, after].map((object) => (object === undefined ? '' : textOf(object)));
  if (old === undefined || young === undefined || old.length + young.length > MAX_TEXT) return 'too long to be shown\n';
  const patch = createTwoFilesPatch('', '', old, young, '', '', { context: 3, timeout: DIFF_MS });
  // Its head names files.
  return patch === undefined ? 'too different to be shown\n' : patch.slice(Math.max(0, patch.indexOf('@@')));
}
