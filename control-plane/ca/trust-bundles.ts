import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { ApiError, isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import { Mirror } from '../kubernetes/mirror.js';
import { configMapsOf } from '../kubernetes/resource.js';
import { PushQueue } from '../xds/push-queue.js';

/** Istio's ConfigMap, from which sidecars and applications take the roots of the mesh. */
export const BUNDLE_NAME = 'istio-ca-root-cert';
export const BUNDLE_KEY = 'root-cert.pem';
const AT_ONCE = 8;

export interface TrustBundlesOptions {
  readonly api: KubernetesApi;
  /** PEM roots; undefined while there are none. */
  readonly bundle: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Keeps the trust bundle in every namespace as it should be: made, put back when deleted, corrected when edited. */
export class TrustBundles {
  private readonly namespaces: Mirror<{ readonly going: boolean }>;
  private readonly maps: Mirror<string | undefined>;
  private readonly failures = new Map<string, Backoff>();
  private queue: PushQueue<string> | undefined;

  constructor(private readonly options: TrustBundlesOptions) {
    const { api, clock, random, log } = options;
    const listed = (): void => this.all();
    this.namespaces = new Mirror({
      api,
      collection: { plural: 'namespaces' },
      keep: ({ metadata }) => ({ going: metadata?.deletionTimestamp !== undefined }),
      onChange: (name) => this.queue?.add(name),
      onListed: listed,
      clock,
      random,
      log,
    });
    this.maps = new Mirror({
      api,
      collection: { plural: 'configmaps', name: BUNDLE_NAME },
      keep: bundleIn,
      onChange: (key) => this.queue?.add(key.slice(0, key.indexOf('/'))),
      onListed: listed,
      clock,
      random,
      log,
    });
  }

  /** The leader's work, until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.queue = new PushQueue(AT_ONCE, (namespace) => this.keep(namespace, signal));
    await Promise.all([this.namespaces.run(signal), this.maps.run(signal)]);
    this.queue = undefined;
  }

  /** The bundle has changed. */
  all(): void {
    for (const namespace of this.namespaces.keys()) this.queue?.add(namespace);
  }

  private async keep(namespace: string, signal: AbortSignal): Promise<void> {
    const bundle = this.options.bundle();
    if (signal.aborted || bundle === undefined || !this.namespaces.listed || !this.maps.listed) return;
    const there = this.namespaces.get(namespace);
    const key = `${namespace}/${BUNDLE_NAME}`;
    if (there === undefined || there.going || this.maps.get(key) === bundle) return;
    try {
      await this.write(namespace, bundle, signal);
      this.failures.delete(namespace);
    } catch (error) {
      if (!signal.aborted) this.failed(namespace, error);
    }
  }

  private async write(namespace: string, bundle: string, signal: AbortSignal): Promise<void> {
    const { api } = this.options;
    const folder = configMapsOf(namespace);
    const content = { data: { [BUNDLE_KEY]: bundle } };
    const metadata = { name: BUNDLE_NAME, labels: { 'istio.io/config': 'true' } };
    const create = (): Promise<unknown> =>
      api.request({
        method: 'POST',
        path: folder,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...content },
        signal,
      });
    const correct = (): Promise<unknown> =>
      api.request({ method: 'PATCH', path: `${folder}/${BUNDLE_NAME}`, body: content, signal });
    const exists = [...this.maps.keys()].includes(`${namespace}/${BUNDLE_NAME}`);
    try {
      await (exists ? correct() : create());
    } catch (error) {
      if (exists && isNotFound(error)) await create();
      else if (!exists && isConflict(error)) await correct();
      else throw error;
    }
  }

  private failed(namespace: string, error: unknown): void {
    // A namespace that is being deleted takes nothing new.
    const going = error instanceof ApiError && (error.status === 404 || /being terminated/.test(error.message));
    if (going) return;
    const { clock, random, log } = this.options;
    const backoff = this.failures.get(namespace) ?? new Backoff({ baseMs: 1000, maxMs: 60_000, random });
    this.failures.set(namespace, backoff);
    const delay = backoff.next();
    log.warn(
      { namespace, reason: messageOf(error), retryInMs: Math.round(delay) },
      `could not write the ConfigMap ${BUNDLE_NAME}`,
    );
    clock.after(delay, () => this.queue?.add(namespace));
  }
}

function bundleIn(object: KubernetesObject): string | undefined {
  return (object as { data?: Readonly<Record<string, string>> }).data?.[BUNDLE_KEY];
}
