import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Issuer } from '../ca/issuer.js';
import type { KubernetesApi } from '../kubernetes/api.js';
import type { ConfigSet } from '../sources/source.js';
import { CaBundleWriter } from './ca-bundle.js';
import { INJECTOR, VALIDATOR } from './configurations.js';
import { hasNativeSidecars, type InjectionConfig } from './inject/config.js';
import type { WebhookEvents } from './metrics.js';
import { WebhookServer } from './server.js';

export interface WebhookServiceOptions {
  readonly host: string;
  readonly port: number;
  /** DNS names of the control plane's Service. */
  readonly dnsNames: readonly string[];
  readonly addresses?: readonly string[];
  readonly injection: InjectionConfig;
  readonly configuration: () => ConfigSet | undefined;
  readonly issuer: Issuer;
  readonly api: KubernetesApi;
  readonly events: WebhookEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The webhooks as a part of the control plane: a server in every replica, and what the leader writes for it. */
export class WebhookService {
  readonly name = 'webhooks';
  readonly leaderTask: CaBundleWriter;
  /** The port that was taken, once it is started. */
  port: number | undefined;
  private server: WebhookServer | undefined;

  constructor(private readonly options: WebhookServiceOptions) {
    const { injection, issuer, api, events, clock, random, log } = options;
    const suffix = injection.revision === 'default' ? '' : `-${injection.revision}`;
    this.leaderTask = new CaBundleWriter({
      api,
      injector: `${INJECTOR}${suffix}`,
      validator: `${VALIDATOR}${suffix}`,
      bundle: () => issuer.authority.roots,
      onBundle: (listener) => issuer.onReplaced(listener),
      events,
      clock,
      random,
      log,
    });
  }

  async start(): Promise<void> {
    const { host, port, injection } = this.options;
    const nativeSidecars = injection.nativeSidecars && (await this.clusterHasNativeSidecars());
    this.server = new WebhookServer({ ...this.options, injection: { ...injection, nativeSidecars } });
    this.port = await this.server.listen(host, port);
  }

  async stop(): Promise<void> {
    await this.server?.close();
  }

  private async clusterHasNativeSidecars(): Promise<boolean> {
    const version = await this.options.api.request<{ readonly major?: string; readonly minor?: string }>({
      method: 'GET',
      path: '/version',
    });
    return hasNativeSidecars({ major: version.major ?? '', minor: version.minor ?? '' });
  }
}
