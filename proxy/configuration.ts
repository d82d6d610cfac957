import type { Logger } from '../common/runtime/log.js';
import { type ResourceTypeUrl, TYPE } from '../common/xds/type-urls.js';
import type { ProxyConfig } from './config.js';
import type { DataPlane, Runtime } from './data-plane.js';
import { Readiness } from './readiness.js';
import type { CaClient } from './tls/ca-client.js';
import { clusterSecretKeys } from './tls/cluster-secrets.js';
import { SecretHandler } from './tls/secret-handler.js';
import { adsSecretNames } from './tls/secrets.js';
import { trustNames } from './tls/trust-handler.js';
import { AdsClient, type OpenAdsStream } from './xds/ads-client.js';
import { FileSource } from './xds/file-source.js';
import { ownNode } from './xds/node.js';
import { delta, stateOfTheWorld } from './xds/protocol.js';
import type { ResourceHandler } from './xds/resources.js';

/**
 * Where the data plane's configuration comes from after the bootstrap: ADS, files, or nowhere. Keeps the subscriptions equal to
 * what clusters and listeners name, and knows when the first configuration is in.
 */
export class Configuration {
  readonly ads: AdsClient | undefined;
  readonly readiness: Readiness;
  private readonly files = new Map<ResourceTypeUrl, FileSource>();
  private readonly plane: DataPlane;
  private readonly log: Logger;
  private pending = false;
  private stopped = false;

  /** @param others handlers of further types
   * @param ca who keeps our certificate */
  constructor(
    config: ProxyConfig,
    plane: DataPlane,
    runtime: Runtime,
    open: OpenAdsStream | undefined,
    others: readonly ResourceHandler[] = [],
    private readonly ca?: Pick<CaClient, 'issuer' | 'fault'>,
  ) {
    this.plane = plane;
    this.log = runtime.log;
    const { listeners, clusters } = config.dynamic;
    if (listeners.kind === 'file') this.addFile(plane.listeners, listeners.path);
    if (clusters.kind === 'file') this.addFile(plane.clusters.cds, clusters.path);
    const handlers: ResourceHandler[] = [
      ...(clusters.kind === 'ads' ? [plane.clusters.cds] : []),
      plane.clusters.eds,
      ...(listeners.kind === 'ads' ? [plane.listeners] : []),
      plane.routes,
      new SecretHandler(plane.secrets, 'ads'),
      ...others,
    ];
    if (open !== undefined) {
      this.ads = new AdsClient({
        ...runtime,
        node: ownNode(config.node),
        protocol: config.dynamic.ads?.delta === true ? delta : stateOfTheWorld,
        open,
        handlers,
        onChange: () => this.changed(),
      });
    }
    this.readiness = new Readiness({
      received: (typeUrl) => this.received(typeUrl),
      listenersWarm: () => plane.listeners.warm,
      clustersWarm: () => plane.clusters.allWarm(),
      identityFault: () => this.ca?.fault ?? '',
      secretsPresent: () => [...this.secretKeys()].every((key) => plane.secrets.get(key) !== undefined),
    });
    plane.secrets.watch(() => this.changed());
  }

  async start(): Promise<void> {
    this.ads?.start();
    for (const file of this.files.values()) await file.start();
    this.changed();
  }

  stop(): void {
    this.stopped = true;
    this.ads?.stop();
    for (const file of this.files.values()) file.stop();
  }

  /** Whether the server said that there is no such route table. */
  routesMissing(name: string): boolean {
    return this.ads?.subscriptions.get(TYPE.route)?.missing.has(name) ?? true;
  }

  /** Something came or went: one look at everything follows, however many changes there are until then. */
  changed(): void {
    if (this.pending || this.stopped) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      if (!this.stopped) this.refresh();
    });
  }

  private refresh(): void {
    const { plane, ads } = this;
    plane.listeners.recheck();
    ads?.setNames(TYPE.endpoint, new Set(plane.clusters.edsNames()));
    ads?.setNames(TYPE.route, plane.listeners.needs().routes);
    ads?.setNames(TYPE.secret, adsSecretNames(this.secretKeys()));
    if (this.ca !== undefined) ads?.setNames(TYPE.trustBundle, trustNames(this.ca.issuer));
    const before = this.readiness.ready;
    this.readiness.update();
    if (!before && this.readiness.ready) this.log.info('ready');
  }

  private secretKeys(): Set<string> {
    const keys = this.plane.listeners.needs().secrets;
    for (const { cluster } of this.plane.clusters.list()) {
      for (const key of clusterSecretKeys(cluster.config)) keys.add(key);
    }
    return keys;
  }

  private received(typeUrl: ResourceTypeUrl): boolean {
    const file = this.files.get(typeUrl);
    if (file !== undefined) return file.received;
    return this.ads?.subscriptions.get(typeUrl)?.received ?? true;
  }

  private addFile(handler: ResourceHandler, path: string): void {
    this.files.set(handler.typeUrl, new FileSource(path, handler, this.log));
  }
}
