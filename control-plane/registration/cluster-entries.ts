import type { Clock } from '../../common/runtime/clock.js';
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import type { RegisteredEntry, RegistrationStore } from './registrar.js';

/** Istio's annotations: which replica keeps an entry, and since when. */
const CONTROLLER = 'istio.io/workloadController';
const CONNECTED_AT = 'istio.io/connectedAt';

export interface ClusterEntriesOptions {
  readonly api: KubernetesApi;
  /** Name of this replica. */
  readonly replica: string;
  readonly clock: Clock;
}

/**
 * The entries of joined proxies as objects of the API server, so that every replica knows them. A proxy that goes over to
 * another replica takes its entry along: whoever does not keep it any more leaves it alone.
 */
export class ClusterEntries implements RegistrationStore {
  private readonly made = new Map<string, string>();
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: ClusterEntriesOptions) {}

  /** One change after the other. Rejects when the API server refuses one; the next call tries again. */
  keep(entries: readonly RegisteredEntry[]): Promise<void> {
    const next = this.work.then(
      () => this.bring(entries),
      () => this.bring(entries),
    );
    this.work = next.catch(() => undefined);
    return next;
  }

  private async bring(entries: readonly RegisteredEntry[]): Promise<void> {
    const wanted = new Map(entries.map((entry) => [pathOf(entry.metadata), entry]));
    for (const path of [...this.made.keys()].filter((known) => !wanted.has(known))) {
      await this.remove(path);
      this.made.delete(path);
    }
    for (const [path, entry] of wanted) {
      const text = JSON.stringify([entry.metadata, entry.spec]);
      if (this.made.get(path) === text) continue;
      await this.put(path, entry);
      this.made.set(path, text);
    }
  }

  private async put(path: string, { apiVersion, kind, metadata, spec }: RegisteredEntry): Promise<void> {
    const { api, replica, clock } = this.options;
    const { name, namespace, labels } = metadata;
    const connectedAt = new Date(clock.now()).toISOString();
    const annotations = { ...metadata.annotations, [CONTROLLER]: replica, [CONNECTED_AT]: connectedAt };
    const body = { apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec };
    try {
      await api.request({ method: 'POST', path: path.slice(0, path.lastIndexOf('/')), body });
    } catch (error) {
      if (!isConflict(error)) throw error;
      await api.request({ method: 'PATCH', path, body: { metadata: { annotations }, spec } });
    }
  }

  private async remove(path: string): Promise<void> {
    const { api, replica } = this.options;
    try {
      const { metadata } = await api.request<KubernetesObject>({ method: 'GET', path });
      if (metadata?.annotations?.[CONTROLLER] !== replica) return;
      const { uid, resourceVersion } = metadata;
      await api.request({ method: 'DELETE', path, body: { preconditions: { uid, resourceVersion } } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function pathOf({ namespace, name }: RegisteredEntry['metadata']): string {
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/workloadentries/${name}`;
}
