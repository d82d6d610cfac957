import type { MeshState } from '../../../../common/observe/mesh-state.js';
import { h } from '../dom.js';
import { clockTime, plural } from '../model/format.js';

/** In red: the mesh does not do what its objects say. */
export function interventionNotices(state: MeshState | undefined): HTMLElement[] {
  if (state === undefined) return [];
  const { rollback, bypasses } = state;
  const texts = bypasses.map(({ namespace, workload, mtls, until, by }) => {
    const what = workload === undefined ? `Namespace ${namespace}` : `${workload}.${namespace}`;
    const end = until === undefined ? 'until it is lifted' : `until ${clockTime(until)}`;
    return `${what} is bypassed by ${by} ${end}: no routes and no policies, ${mtls ? 'mTLS kept' : 'no mTLS'} (weft bypass --lift)`;
  });
  if (rollback !== undefined) {
    const { version, by, time, differs } = rollback;
    texts.unshift(
      `Rolled back to version ${version} by ${by} at ${clockTime(time)}; ${plural(differs.length, 'object is', 'objects are')} otherwise now (weft resume)`,
    );
  }
  return texts.map((text) => h('p', { class: 'alarm', role: 'alert' }, text));
}
