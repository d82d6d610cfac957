import type { Core } from './core.js';
import { objectPage, objectsPage } from './dashboard/object-page.js';
import { type DebugSubject, debugPages } from './debug/pages.js';
import type { DebugPage } from './debug/server.js';
import { undoPages } from './history/pages.js';
import { observePages } from './observe/api.js';
import type { MeshView } from './observe/view.js';

export interface PagesSubject extends Omit<DebugSubject, 'snapshot' | 'findings' | 'proxies'> {
  /** Undefined until it is wired. */
  readonly core: () => Core | undefined;
}

/** What every control plane shows on its debug port, by path: its own state, the mesh, the history, the objects. */
export function controlPlanePages({ core, ...subject }: PagesSubject): Map<string, DebugPage> {
  const findings = (): Core['mesh']['findings'] => core()?.mesh.findings ?? [];
  const configuration = (): Core['mesh']['configuration'] => core()?.mesh.configuration;
  const view = (): MeshView | undefined => core()?.observation.view;
  return new Map([
    ...debugPages({ ...subject, snapshot: () => core()?.mesh.snapshot, findings, proxies: () => core()?.ads }),
    ...observePages(view),
    ...undoPages(() => core()?.undo, view),
    objectsPage({ configuration }),
    objectPage({ configuration, findings }),
  ]);
}
