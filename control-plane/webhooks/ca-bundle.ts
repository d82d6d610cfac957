import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { isMapping } from '../api/schema/schema.js';
import { isConflict, isNotFound, type KubernetesApi } from '../kubernetes/api.js';
import { Mirror } from '../kubernetes/mirror.js';
import type { WebhookEvents } from './metrics.js';

const GROUP = 'admissionregistration.k8s.io';

const RETRY_MS = 2000;

export interface CaBundleOptions {
  readonly api: KubernetesApi;
  /** Names of the two configurations. */
  readonly injector: string;
  readonly validator: string;
  /** PEM of the roots that the API server is to trust. */
  readonly bundle: () => string;
  /** Calls back when the bundle changes; returns what ends that. */
  readonly onBundle: (listener: () => void) => () => void;
  readonly events: WebhookEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** One of the two configurations. */
interface Target {
  readonly plural: string;
  readonly name: string;
}

type Webhook = Readonly<Record<string, unknown>>;

/**
 * Keeps our webhook configurations right: what they trust is our authority, and they fail closed. Only the leader runs it,
 * once webhooks are served; whatever changes them, an upgrade's manifests too, they are mended at once.
 */
export class CaBundleWriter {
  readonly name = "webhooks' CA bundle";

  constructor(private readonly options: CaBundleOptions) {}

  async run(signal: AbortSignal): Promise<void> {
    const { injector, validator, onBundle } = this.options;
    const targets = [
      { plural: 'mutatingwebhookconfigurations', name: injector },
      { plural: 'validatingwebhookconfigurations', name: validator },
    ];
    const unsubscribe = onBundle(() => {
      for (const target of targets) void this.mend(target, signal);
    });
    try {
      await Promise.all(targets.map((target) => this.watch(target, signal)));
    } finally {
      unsubscribe();
    }
  }

  private async watch(target: Target, signal: AbortSignal): Promise<void> {
    const { api, clock, random, log } = this.options;
    const mend = (): void => void this.mend(target, signal);
    const mirror = new Mirror({
      api,
      collection: { group: GROUP, ...target },
      keep: (object) => object.metadata?.resourceVersion,
      onChange: mend,
      clock,
      random,
      log,
    });
    await mirror.run(signal);
  }

  /** Brings one configuration up to date. One that is not installed is nobody's fault; it is mended when it comes. */
  private async mend(target: Target, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { name } = target;
    const path = `/apis/${GROUP}/v1/${target.plural}/${name}`;
    const { api, events, log } = this.options;
    try {
      const found = await api.request<Webhook>({ method: 'GET', path, signal });
      const webhooks = mended(found, this.options.bundle());
      if (webhooks === undefined) return;
      const resourceVersion = isMapping(found['metadata']) ? found['metadata']['resourceVersion'] : undefined;
      // With the version that was read: another writer's change is seen first, and mended in its turn.
      const body = { metadata: { resourceVersion }, webhooks };
      await api.request({ method: 'PATCH', path, body, signal });
      events.patched(name, 'written');
      log.info({ configuration: name }, 'put the CA bundle into the webhook configuration');
    } catch (error) {
      if (signal.aborted || isNotFound(error)) return;
      events.patched(name, isConflict(error) ? 'conflict' : 'failed');
      log.warn({ configuration: name, reason: messageOf(error) }, 'could not write the webhook configuration');
      this.options.clock.after(RETRY_MS, () => void this.mend(target, signal));
    }
  }
}

/** The webhooks as they should be, or undefined when they are. */
export function mended(configuration: Webhook, bundle: string): readonly Webhook[] | undefined {
  const { webhooks } = configuration;
  if (!Array.isArray(webhooks)) return undefined;
  const caBundle = Buffer.from(bundle).toString('base64');
  const entries = webhooks.filter(isMapping);
  const right = entries.every(
    ({ clientConfig, failurePolicy }) =>
      isMapping(clientConfig) && clientConfig['caBundle'] === caBundle && failurePolicy === 'Fail',
  );
  if (right) return undefined;
  return entries.map((webhook) => ({
    ...webhook,
    clientConfig: { ...(isMapping(webhook['clientConfig']) ? webhook['clientConfig'] : {}), caBundle },
    failurePolicy: 'Fail',
  }));
}
