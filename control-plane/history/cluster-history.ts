import { messageOf } from '../../common/runtime/errors.js';
import { pause } from '../../common/runtime/pause.js';
import { isConflict, isNotFound } from '../kubernetes/api.js';
import { configMapsOf } from '../kubernetes/resource.js';
import { FollowedConfigMap, type FollowedConfigMapOptions, type KeptMap } from './followed-config-map.js';
import type { History } from './history.js';
import { MAX_BYTES } from './interventions.js';
import { decodeHistory, encodeHistory } from './stored-history.js';

export const HISTORY_NAME = 'weft-history';
const KEY = 'history.json.gz';

/** Versions that come together are written together. */
const SETTLE_MS = 1000;

export interface ClusterHistoryOptions extends FollowedConfigMapOptions {
  readonly history: () => History;
}

/**
 * One history for all replicas, in a ConfigMap of the control plane's namespace: the leader writes its own there, the others go on
 * from what it wrote. It is there after a restart of all of them.
 */
export class ClusterHistory {
  readonly name = 'history';
  private readonly map: FollowedConfigMap;
  private leading = false;
  private wake = (): void => {};
  /** What is in the ConfigMap, as far as is known. */
  private known: string | undefined;
  private written = '';
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly options: ClusterHistoryOptions) {
    this.map = new FollowedConfigMap(options, HISTORY_NAME, KEY, () => {
      if (!this.leading) this.read(this.map.text);
    });
  }

  /** Resolves when what was left there is taken, or cannot be read for a while. Follows it until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await this.map.start(signal);
    await this.reading;
  }

  /** There is a new version. */
  changed(): void {
    this.wake();
  }

  /** Writes what is new, for as long as this replica leads. */
  async run(signal: AbortSignal): Promise<void> {
    this.leading = true;
    try {
      let version = await this.fetch(signal);
      while (!signal.aborted) {
        const mark = this.mark();
        if (mark === this.written || mark === '') {
          await this.woken(signal);
          await pause(this.options.clock, SETTLE_MS, signal);
        } else {
          version = await this.write(mark, version, signal);
        }
      }
    } finally {
      this.leading = false;
    }
  }

  private mark(): string {
    const { latest } = this.options.history();
    return latest === undefined ? '' : `${latest.number} ${latest.id}`;
  }

  private woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.wake = () => {};
        resolve();
      };
      this.wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Takes what is there; its resourceVersion, or undefined where nothing is. */
  private async fetch(signal: AbortSignal): Promise<string | undefined> {
    const path = `${configMapsOf(this.options.namespace)}/${HISTORY_NAME}`;
    let found: KeptMap;
    try {
      found = await this.options.api.request<KeptMap>({ method: 'GET', path, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.written = '';
      return undefined;
    }
    this.read(found.binaryData?.[KEY]);
    await this.reading;
    return found.metadata?.resourceVersion;
  }

  private async write(mark: string, version: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { api, namespace, history, log } = this.options;
    const bytes = await encodeHistory(history().whole, MAX_BYTES);
    this.written = mark;
    if (bytes === undefined) {
      log.warn({ configMap: HISTORY_NAME }, 'the configuration is too large for its history to be kept');
      return version;
    }
    const text = bytes.toString('base64');
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: HISTORY_NAME,
        namespace,
        labels: { 'app.kubernetes.io/managed-by': 'weft' },
        ...(version !== undefined && { resourceVersion: version }),
      },
      binaryData: { [KEY]: text },
    };
    const folder = configMapsOf(namespace);
    try {
      const request =
        version === undefined
          ? ({ method: 'POST', path: folder, body, signal } as const)
          : ({ method: 'PUT', path: `${folder}/${HISTORY_NAME}`, body, signal } as const);
      const { metadata } = await api.request<KeptMap>(request);
      this.known = text;
      return metadata?.resourceVersion;
    } catch (error) {
      this.written = '';
      // It was deleted, or another leader wrote: what is there counts, and ours goes on from it.
      if (isConflict(error) || isNotFound(error)) return this.fetch(signal);
      throw error;
    }
  }

  private read(text: string | undefined): void {
    if (text === undefined || text === this.known) return;
    this.known = text;
    const { history, log, namespace } = this.options;
    this.reading = this.reading.then(async () => {
      try {
        const stored = await decodeHistory(Buffer.from(text, 'base64'));
        const latest = stored.versions.at(-1);
        this.written = latest === undefined ? '' : `${latest.number} ${latest.id}`;
        history().adopt(stored);
      } catch (error) {
        log.warn({ configMap: `${namespace}/${HISTORY_NAME}`, reason: messageOf(error) }, 'the history stays as it is');
      }
    });
  }
}
