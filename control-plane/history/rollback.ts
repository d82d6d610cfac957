import type { DifferingObject } from '../../common/observe/mesh-state.js';
import { type ConfigObject, type ObjectKey, objectKey } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import type { Rollback } from './interventions.js';
import { changesBetween, isKept, keptObjects, kindOfChange, nameOfChange } from './kept-objects.js';

const restored = new WeakMap<Rollback, ReadonlyMap<ObjectKey, ConfigObject>>();

/** The objects of the version that the mesh went back to; always the same ones, so that nothing is pushed twice. */
function objectsOf(rollback: Rollback): ReadonlyMap<ObjectKey, ConfigObject> {
  let objects = restored.get(rollback);
  if (objects === undefined) {
    objects = new Map(
      rollback.objects.map((object) => {
        const { kind, metadata } = object;
        return [objectKey(kind, metadata.namespace, metadata.name), { ...object, origin: undefined }];
      }),
    );
    restored.set(rollback, objects);
  }
  return objects;
}

/** The set as it was, but with what is live now: services, workloads, pods and secrets. */
export function rolledBack(set: ConfigSet, rollback: Rollback | undefined): ConfigSet {
  if (rollback === undefined) return set;
  const live = [...set.objects].filter(([, object]) => !isKept(object));
  return { ...set, objects: new Map([...live, ...objectsOf(rollback)]), unreadablePolicies: rollback.unreadable };
}

/** What the objects are now against the version in force: what would change by following them again. */
export function differing(live: ConfigSet, rollback: Rollback): DifferingObject[] {
  return changesBetween(objectsOf(rollback), keptObjects(live)).map((change) => ({
    ...nameOfChange(change),
    change: kindOfChange(change),
  }));
}
