import type { Timer } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { Cluster as ClusterMessage } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import { KeptMessage } from '../xds/kept-message.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import type { Clusters } from './cluster.js';
import type { ClusterConfig, EndpointsConfig } from './cluster-config.js';
import { type ClusterCompilerDeps, compileCluster } from './compile-cluster.js';
import { compileEndpoints } from './compile-endpoints.js';
import type { DnsResolver } from './dns.js';
import { DnsDiscovery } from './dns-discovery.js';
import { FieldReport } from './fields.js';
import { type ClusterDeps, UpstreamCluster } from './upstream-cluster.js';

export interface ClusterManagerDeps extends ClusterDeps, ClusterCompilerDeps {
  readonly resolver: DnsResolver;
  readonly log: Logger;
  /** Called when a cluster may have become usable, or is gone, or the names for EDS may have changed. */
  readonly onChange?: () => void;
}

/** How long a new cluster waits for its first endpoints (ConfigSource.initial_fetch_timeout's default), ms. */
const INITIAL_FETCH_MS = 15_000;

/** Clusters and endpoints are in force as soon as they are applied. */
export interface SyncHandler extends ResourceHandler {
  apply(update: ResourceUpdate): readonly ResourceError[];
}

/** A cluster with where it comes from, for dumps and removal. */
export interface ManagedCluster {
  readonly cluster: UpstreamCluster;
  readonly message: KeptMessage<ClusterMessage>;
  readonly version: string;
  /** Given by the bootstrap: CDS neither changes nor removes it. */
  readonly fixed: boolean;
}

interface Entry extends ManagedCluster {
  dns: DnsDiscovery | undefined;
  /** Runs while a new cluster waits for its first endpoints. */
  waiting: Timer | undefined;
}

/** A ClusterLoadAssignment that holds; compiled by whoever needs it, since most clusters are never called. */
class KnownEndpoints {
  constructor(
    readonly message: KeptMessage<ClusterLoadAssignment>,
    readonly version: string,
  ) {}

  compile(): EndpointsConfig {
    return compileEndpoints(this.message.get(), false, '', new FieldReport());
  }
}

/** All clusters: takes CDS and EDS in, keeps what lives (hosts, pools, counters) across updates. */
export class ClusterManager implements Clusters {
  readonly cds: SyncHandler;
  readonly eds: SyncHandler;
  private readonly deps: ClusterManagerDeps;
  private readonly entries = new Map<string, Entry>();
  private readonly usable = new Map<string, UpstreamCluster>();
  private readonly endpoints = new Map<string, KnownEndpoints>();
  /** Who takes the endpoints of a name; undefined until it is asked for after clusters came, changed or went. */
  private byService: ReadonlyMap<string, readonly Entry[]> | undefined = undefined;
  private changes = 0;

  constructor(deps: ClusterManagerDeps) {
    this.deps = deps;
    this.cds = { typeUrl: TYPE.cluster, apply: (update) => this.applyClusters(update) };
    this.eds = { typeUrl: TYPE.endpoint, apply: (update) => this.applyEndpoints(update) };
  }

  get(name: string): UpstreamCluster | undefined {
    return this.usable.get(name);
  }

  /** Another number after clusters came, changed or went; endpoints leave it. */
  get revision(): number {
    return this.changes;
  }

  /** Names to ask EDS for, sorted. */
  edsNames(): string[] {
    return [...this.services().keys()].sort();
  }

  private services(): ReadonlyMap<string, readonly Entry[]> {
    if (this.byService !== undefined) return this.byService;
    const services = new Map<string, Entry[]>();
    for (const entry of this.entries.values()) {
      const { discovery } = entry.cluster.config;
      if (discovery.kind !== 'eds') continue;
      const others = services.get(discovery.serviceName);
      if (others === undefined) services.set(discovery.serviceName, [entry]);
      else others.push(entry);
    }
    this.byService = services;
    return services;
  }

  private clustersChanged(): void {
    this.byService = undefined;
    this.changes++;
  }

  /** Adds the clusters of the bootstrap's static_resources. Returns what is wrong with them; good ones are in force. */
  addStatic(messages: readonly ClusterMessage[]): readonly ResourceError[] {
    const errors = messages.flatMap((message) => this.upsert(message.name ?? '', message, '', true));
    this.deps.onChange?.();
    return errors;
  }

  /** Every cluster with its message and version, the warming ones included. */
  list(): readonly ManagedCluster[] {
    return [...this.entries.values()];
  }

  isWarm(name: string): boolean {
    return this.usable.has(name);
  }

  /** Whether nothing waits for its first endpoints. */
  allWarm(): boolean {
    return this.usable.size === this.entries.size;
  }

  /** The EDS resources in force. */
  assignments(): readonly { readonly message: KeptMessage<ClusterLoadAssignment>; readonly version: string }[] {
    return [...this.endpoints.values()];
  }

  close(): void {
    for (const entry of this.entries.values()) dispose(entry);
    this.entries.clear();
    this.usable.clear();
    this.clustersChanged();
  }

  private applyClusters(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      errors.push(...this.upsert(name, message as ClusterMessage, update.version, false));
    }
    for (const name of update.removals) this.remove(name);
    this.forgetUnusedEndpoints();
    this.deps.onChange?.();
    return errors;
  }

  private upsert(name: string, message: ClusterMessage, version: string, fixed: boolean): ResourceError[] {
    const known = this.entries.get(name);
    if (known?.fixed === true && !fixed) return [];
    const compiled = compileCluster(message, this.deps);
    if (!compiled.ok) return compiled.errors.map((error) => ({ resource: name, message: error }));
    for (const warning of compiled.warnings) this.deps.log.warn({ cluster: name }, warning);
    const cluster = this.reuse(known, compiled.config);
    const kept = new KeptMessage(TYPE.cluster, message);
    const entry: Entry = { cluster, message: kept, version, fixed, dns: undefined, waiting: undefined };
    known?.dns?.close();
    known?.waiting?.cancel();
    this.entries.set(name, entry);
    this.clustersChanged();
    // A known cluster goes on serving with the hosts that it has while a changed discovery finds its own.
    this.discover(entry);
    return [];
  }

  private reuse(known: Entry | undefined, config: ClusterConfig): UpstreamCluster {
    if (known === undefined) return new UpstreamCluster(config, this.deps);
    known.cluster.reconfigure(config);
    return known.cluster;
  }

  private discover(entry: Entry): void {
    const { cluster } = entry;
    const discovery = cluster.config.discovery;
    switch (discovery.kind) {
      case 'static':
        this.setEndpoints(cluster, discovery.endpoints);
        this.markWarm(entry);
        return;
      case 'original-dst':
      case 'outside':
        this.markWarm(entry);
        return;
      case 'eds': {
        const known = this.endpoints.get(discovery.serviceName);
        if (known === undefined) {
          if (!this.isWarm(cluster.name)) this.awaitEndpoints(entry);
          return;
        }
        cluster.setEndpointsLater(known);
        this.shareLocal(cluster);
        this.markWarm(entry);
        return;
      }
      case 'dns':
        entry.dns = new DnsDiscovery(discovery, this.deps, (endpoints) => {
          this.setEndpoints(cluster, endpoints);
          this.markWarm(entry);
          this.deps.onChange?.();
        });
        entry.dns.start();
    }
  }

  private setEndpoints(cluster: UpstreamCluster, endpoints: EndpointsConfig): void {
    cluster.setEndpoints(endpoints);
    this.shareLocal(cluster);
  }

  /** Where our own kind is matters to the balancers of all. */
  private shareLocal(cluster: UpstreamCluster): void {
    const { localCluster } = this.deps;
    if (localCluster === undefined || cluster.name !== localCluster.name) return;
    localCluster.update(cluster.hosts);
    for (const other of this.entries.values()) other.cluster.rebalance();
  }

  private awaitEndpoints(entry: Entry): void {
    entry.waiting ??= this.deps.clock.after(INITIAL_FETCH_MS, () => {
      this.deps.log.warn({ cluster: entry.cluster.name }, 'no endpoints have come: the cluster is used without');
      this.markWarm(entry);
      this.deps.onChange?.();
    });
  }

  private markWarm(entry: Entry): void {
    entry.waiting?.cancel();
    entry.waiting = undefined;
    const { cluster } = entry;
    let later = false;
    cluster.whenChecked(() => {
      if (this.entries.get(cluster.name)?.cluster !== cluster) return;
      const known = this.usable.has(cluster.name);
      this.usable.set(cluster.name, cluster);
      if (later && !known) this.deps.onChange?.();
    });
    later = true;
  }

  private remove(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined || entry.fixed) return;
    dispose(entry);
    this.entries.delete(name);
    this.usable.delete(name);
    this.clustersChanged();
  }

  private applyEndpoints(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    const changed = new Set<string>();
    for (const [name, object] of update.upserts) {
      const message = object as ClusterLoadAssignment;
      const report = new FieldReport();
      compileEndpoints(message, false, '', report);
      for (const error of report.errors) errors.push({ resource: name, message: error });
      if (report.errors.length > 0) continue;
      this.endpoints.set(name, new KnownEndpoints(new KeptMessage(TYPE.endpoint, message), update.version));
      changed.add(name);
    }
    for (const name of changed) for (const entry of this.services().get(name) ?? []) this.discover(entry);
    if (changed.size > 0) this.deps.onChange?.();
    return errors;
  }

  /** Endpoints outlive a removal by EDS (as in Envoy, the cluster decides), but not the last cluster that uses them. */
  private forgetUnusedEndpoints(): void {
    const wanted = this.services();
    for (const name of this.endpoints.keys()) if (!wanted.has(name)) this.endpoints.delete(name);
  }
}

function dispose(entry: Entry): void {
  entry.dns?.close();
  entry.waiting?.cancel();
  entry.cluster.close();
}
