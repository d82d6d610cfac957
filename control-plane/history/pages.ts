import { type DebugPage, json, plain } from '../debug/server.js';
import type { MeshView } from '../observe/view.js';
import { changesPage } from './changes.js';
import type { Undo } from './undo.js';

/** Where `weft rollback` gets what it writes down. */
export const VERSION_PATH = '/api/history/version';

/** What was in force before, and what stands above the objects. All is undefined while this control plane starts. */
export function undoPages(
  undo: () => Undo | undefined,
  view: () => MeshView | undefined,
): [path: string, page: DebugPage][] {
  const starting = plain('this control plane is starting', 503);
  return [
    [
      '/api/changes',
      async (query) => {
        const [past, mesh] = [undo(), view()];
        if (past === undefined || mesh === undefined) return starting;
        const since = Number(query.get('since') ?? 0);
        if (Number.isNaN(since)) return plain('since is a time, ms since 1970', 400);
        const { value, notes } = await mesh.proxies();
        return json(changesPage(past.history, past.progress, value, since, notes));
      },
    ],
    [
      '/api/state',
      () => {
        const past = undo();
        return past === undefined ? starting : json(past.state());
      },
    ],
    [
      VERSION_PATH,
      (query) => {
        const past = undo();
        if (past === undefined) return starting;
        const name = query.get('version') ?? '';
        const found = past.history.find(name);
        if (found === 'several') return plain(`several versions begin with ${name.slice(0, 64)}: say more of it`, 404);
        if (found === undefined) return plain(`there is no version ${name.slice(0, 64)}: weft history lists them`, 404);
        const objects = [...found.objects.values()].map(({ origin: _origin, ...object }) => object);
        return json({ version: found.id, objects, unreadable: found.unreadable });
      },
    ],
  ];
}
