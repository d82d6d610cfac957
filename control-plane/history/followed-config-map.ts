import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { pause } from '../../common/runtime/pause.js';
import type { KubernetesApi, KubernetesObject } from '../kubernetes/api.js';
import { Mirror } from '../kubernetes/mirror.js';

/** Proxies are not kept waiting longer for what may be there. */
const PATIENCE_MS = 5000;

/** A ConfigMap as it is kept: its files are base64. */
export interface KeptMap extends KubernetesObject {
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface FollowedConfigMapOptions {
  readonly api: KubernetesApi;
  /** Of the control plane. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** One file of one ConfigMap of the control plane's namespace, as it is at the moment. */
export class FollowedConfigMap {
  private readonly mirror: Mirror<string | undefined>;
  private readonly first: Promise<void>;
  private listed = (): void => {};

  constructor(
    private readonly options: FollowedConfigMapOptions,
    private readonly name: string,
    file: string,
    onChange: () => void,
  ) {
    const { namespace, api, clock, random, log } = options;
    this.first = new Promise((resolve) => {
      this.listed = resolve;
    });
    this.mirror = new Mirror({
      api,
      collection: { plural: 'configmaps', namespace, name },
      keep: (object) => (object as KeptMap).binaryData?.[file],
      onChange,
      onListed: () => this.listed(),
      clock,
      random,
      log,
    });
  }

  /** Base64; undefined while it is not there. */
  get text(): string | undefined {
    return this.mirror.get(`${this.options.namespace}/${this.name}`);
  }

  /** Resolves when it was read first, or cannot be read for a while. Follows it until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    void this.mirror.run(signal);
    await Promise.race([this.first, pause(this.options.clock, PATIENCE_MS, signal)]);
  }
}
