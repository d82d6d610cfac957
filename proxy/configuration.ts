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

/** Names that clusters ask for. */
interface ClusterNeeds {
  readonly revision: number;
  readonly endpoints: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

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
  private ofClusters: ClusterNeeds = { revision: -1, endpoints: new Set(), secrets: new Set() };
  /** Of the clusters whose endpoints were asked for last. */
  private askedRevision = -1;
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
    const { revision, endpoints } = this.clusterNeeds();
    if (revision !== this.askedRevision) ads?.setNames(TYPE.endpoint, endpoints);
    this.askedRevision = revision;
    ads?.setNames(TYPE.route, plane.listeners.needs().routes);
    ads?.setNames(TYPE.secret, adsSecretNames(this.secretKeys()));
    if (this.ca !== undefined) ads?.setNames(TYPE.trustBundle, trustNames(this.ca.issuer));
    const wasReady = this.readiness.ready;
    this.readiness.update();
    if (!wasReady && this.readiness.ready) this.log.info('ready');
  }

  private secretKeys(): Set<string> {
    const keys = this.plane.listeners.needs().secrets;
    for (const key of this.clusterNeeds().secrets) keys.add(key);
    return keys;
  }

  /** Another object after clusters came, changed or went: an endpoint that changes must not cost a look at all of them. */
  private clusterNeeds(): ClusterNeeds {
    const { clusters } = this.plane;
    const { revision } = clusters;
    if (this.ofClusters.revision !== revision) {
      const secrets = clusters.list().flatMap(({ cluster }) => clusterSecretKeys(cluster.config));
      this.ofClusters = { revision, endpoints: new Set(clusters.edsNames()), secrets: new Set(secrets) };
    }
    return this.ofClusters;
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
