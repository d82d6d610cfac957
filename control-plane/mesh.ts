import type { Clock } from '../common/runtime/clock.js';
import type { Logger } from '../common/runtime/log.js';
import { Analyzer } from './analyze/analyze.js';
import { formatFinding } from './api/finding.js';
import { meshNetworksOf, objectsOfKind, ROOT_NAMESPACE } from './api/kinds/index.js';
import { type ConfigObject, type Finding, objectKey } from './api/object.js';
import { inForce as ofNow } from './bypass/bypass.js';
import { buildViews, type MeshViews, viewFor } from './bypass/views.js';
import { type Interventions, NO_INTERVENTIONS } from './history/interventions.js';
import { rolledBack } from './history/rollback.js';
import type { JwksResolver } from './jwks/resolver.js';
import { type Allotments, ownPorts } from './model/allotment.js';
import { gatewayNames } from './model/networks.js';
import type { ProxyNode } from './model/proxy-node.js';
import type { MeshSnapshot } from './model/snapshot.js';
import type { GatewayNames } from './networks/gateway-names.js';
import { Serving } from './serving.js';
import type { ConfigSet } from './sources/source.js';

/** Gives sidecars their ports, and keeps them over restarts. */
export interface Allotter {
  /** Its sidecars have no ports of their own, so that there is nothing to be held back. */
  readonly captures?: true;
  /** Ports for every workload of the set that has a sidecar. */
  update(set: ConfigSet): Promise<Allotments>;
  /** Another port for a workload (`namespace/name`) in place of one that somebody else has taken. */
  reallot(workload: string, port: number): Promise<Allotments>;
}

export interface MeshOptions {
  readonly allotter: Allotter;
  /** Called after every new snapshot. */
  readonly onSnapshot: (snapshot: MeshSnapshot, tookMs: number) => void;
  /** One line for every finding that is new. */
  readonly report: (line: string) => void;
  /** Fetches the keys of issuers; without it none are fetched. */
  readonly keys?: Pick<JwksResolver, 'of'>;
  /** Looks up gateways of networks; without it those given by host name are left out. */
  readonly gatewayNames?: Pick<GatewayNames, 'of'>;
  /** What stands above the objects of the sets. */
  readonly interventions?: () => Interventions;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From configuration sets to snapshots, one at a time: a set that waits is replaced by a newer one. */
export class Mesh {
  private set: ConfigSet | undefined;
  private registered: readonly ConfigObject[] = [];
  private inForce: ConfigSet | undefined;
  private views: MeshViews | undefined;
  private building: Promise<void> | undefined;
  private again = false;
  private analyzed: readonly Finding[] = [];
  private reported: ReadonlySet<string> = new Set();
  private told: readonly Finding[] | undefined;
  private readonly serving = new Serving();
  private readonly analyzer = new Analyzer();

  constructor(private readonly options: MeshOptions) {}

  get snapshot(): MeshSnapshot | undefined {
    return this.views?.whole;
  }

  /** What a proxy's configuration is made from: with a bypass it is not what the others have. */
  snapshotFor({
    namespace,
    workload,
    role,
  }: Pick<ProxyNode, 'namespace' | 'workload' | 'role'>): MeshSnapshot | undefined {
    return this.views === undefined ? undefined : viewFor(this.views, namespace, workload, role);
  }

  /** What the source says, whatever is in force. */
  get live(): ConfigSet | undefined {
    return this.set;
  }

  /** The set from which the snapshot was made. */
  get configuration(): ConfigSet | undefined {
    return this.inForce;
  }

  /** What `weft analyze` says about the set in force. */
  get findings(): readonly Finding[] {
    return this.analyzed;
  }

  /** Takes a new set; resolves when it, or a newer one, is in force. */
  update(set: ConfigSet): Promise<void> {
    this.set = set;
    return this.rebuild();
  }

  /** Objects beside those of the sets: the workloads of proxies that joined by a WorkloadGroup. */
  register(objects: readonly ConfigObject[]): Promise<void> {
    this.registered = objects;
    return this.rebuild();
  }

  /** A sidecar could not listen: those of its ports that `reason` names are replaced. */
  async portTaken(workload: string, reason: string): Promise<void> {
    const sidecar = ownPorts(this.snapshot?.workloads.get(workload)?.sidecar);
    if (sidecar === undefined) return;
    const named = new Set((reason.match(/\d+/g) ?? []).map(Number));
    const taken = [...sidecar.inbound.values(), sidecar.outbound, sidecar.admin].filter((port) => named.has(port));
    for (const port of taken) await this.options.allotter.reallot(workload, port);
    if (taken.length > 0) await this.rebuild();
  }

  /** A workload's sidecar has accepted its listeners: its endpoints may be advertised. */
  async listens(workload: string): Promise<void> {
    const sidecar = ownPorts(this.snapshot?.workloads.get(workload)?.sidecar);
    if (sidecar !== undefined && this.serving.listens(sidecar)) await this.rebuild();
  }

  private rebuild(): Promise<void> {
    this.again = true;
    this.building ??= this.build().finally(() => {
      this.building = undefined;
    });
    return this.building;
  }

  /** Never rejects: a set that cannot be built leaves the snapshot that is there. */
  private async build(): Promise<void> {
    const { allotter, clock, log, onSnapshot, interventions = () => NO_INTERVENTIONS } = this.options;
    while (this.again && this.set !== undefined) {
      this.again = false;
      try {
        const { rollback, bypasses } = interventions();
        const steered = rolledBack(this.set, rollback);
        const set = withRegistered(await this.withGateways(await this.withKeys(steered)), this.registered);
        const allotted = await allotter.update(set);
        const allotments = allotter.captures === true ? allotted : this.serving.mark(allotted);
        this.analyzed = this.analyzer.analyze(set);
        const start = clock.monotonic();
        this.views = buildViews(set, allotments, ofNow(bypasses, clock.now()), this.views);
        this.inForce = set;
        onSnapshot(this.views.whole, clock.monotonic() - start);
        this.reportNew();
      } catch (error) {
        log.error({ err: error }, 'the configuration could not be put into force; the last good state stays');
      }
    }
  }

  /** Something that a snapshot is made from has changed, but not the set. */
  refresh(): Promise<void> {
    return this.rebuild();
  }

  private async withKeys(set: ConfigSet): Promise<ConfigSet> {
    const rules = objectsOfKind(set.objects, 'RequestAuthentication').flatMap(({ spec }) => spec.jwtRules ?? []);
    const jwks = await this.options.keys?.of(rules);
    return jwks === undefined ? set : { ...set, jwks };
  }

  private async withGateways(set: ConfigSet): Promise<ConfigSet> {
    const mesh = meshNetworksOf(set.objects, set.rootNamespace ?? ROOT_NAMESPACE);
    const names = gatewayNames({ mesh, services: objectsOfKind(set.objects, 'Service') });
    const gatewayAddresses = await this.options.gatewayNames?.of(names);
    return gatewayAddresses === undefined ? set : { ...set, gatewayAddresses };
  }

  private reportNew(): void {
    if (this.findings === this.told) return;
    this.told = this.findings;
    const lines = this.findings.filter(({ level }) => level !== 'info').map(formatFinding);
    for (const line of new Set(lines)) if (!this.reported.has(line)) this.options.report(line);
    this.reported = new Set(lines);
  }
}

/** What the configuration itself describes goes first. */
function withRegistered(set: ConfigSet, registered: readonly ConfigObject[]): ConfigSet {
  if (registered.length === 0) return set;
  const added = registered.map((object) => {
    const { kind, metadata } = object;
    return [objectKey(kind, metadata.namespace, metadata.name), object] as const;
  });
  return { ...set, objects: new Map([...added, ...set.objects]) };
}
