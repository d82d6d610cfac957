import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { WorkloadEntrySpec } from '../api/kinds/workload-entry.js';
import type { WorkloadGroupSpec } from '../api/kinds/workload-group.js';
import { type ConfigObject, objectKey } from '../api/object.js';
import type { ProxyNode } from '../model/proxy-node.js';
import { registeredEntry } from '../model/registered-entry.js';
import type { ConfigSet } from '../sources/source.js';

export type RegisteredEntry = ConfigObject<WorkloadEntrySpec>;

/** Where the entries of joined proxies are. Gets all that are to be there, after every change. */
export interface RegistrationStore {
  keep(entries: readonly RegisteredEntry[]): Promise<void>;
}

export interface RegistrarOptions {
  readonly groupOf: (namespace: string, name: string) => ConfigObject<WorkloadGroupSpec> | undefined;
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a workload stays without its proxy, which may only be changing its connection. */
const GRACE_MS = 10_000;

interface Joined {
  readonly node: ProxyNode;
  entry: RegisteredEntry | undefined;
  connections: number;
  timer: Timer | undefined;
}

/** Makes workloads of proxies that join by a WorkloadGroup, for as long as they are connected. */
export class Registrar {
  private readonly joined = new Map<string, Joined>();

  constructor(private readonly options: RegistrarOptions) {}

  connected(node: ProxyNode): void {
    const joined = this.joinedAs(node);
    if (joined === undefined) return;
    joined.connections += 1;
    joined.timer?.cancel();
    joined.timer = undefined;
  }

  /** The last connection of a proxy may come back soon. */
  disconnected(node: ProxyNode): void {
    const joined = this.joined.get(keyOf(node));
    if (node.group === undefined || joined === undefined) return;
    joined.connections -= 1;
    if (joined.connections <= 0) this.forgetAfter(joined, GRACE_MS);
  }

  /** Has a place for a proxy that is about to come; resolves when the mesh knows it. Rejects when its group does not take it. */
  async reserve(node: ProxyNode, forMs: number): Promise<void> {
    const joined = this.joinedAs(node);
    if (joined?.entry === undefined) {
      this.joined.delete(keyOf(node));
      throw new Error(this.faultOf(node) ?? 'names no WorkloadGroup');
    }
    if (joined.connections <= 0) this.forgetAfter(joined, forMs);
    await this.store();
  }

  /** Looks again at proxies whose group was not there, or has changed. */
  reconsider(): void {
    let changed = false;
    for (const joined of this.joined.values()) {
      const entry = this.entryOf(joined.node);
      if (JSON.stringify(entry) === JSON.stringify(joined.entry)) continue;
      joined.entry = entry;
      changed = true;
    }
    if (changed) void this.store();
  }

  private joinedAs(node: ProxyNode): Joined | undefined {
    if (node.group === undefined) return undefined;
    const known = this.joined.get(keyOf(node));
    if (known !== undefined) return known;
    const fault = this.faultOf(node);
    if (fault !== undefined) this.options.log.warn({ proxy: node.id, reason: fault }, 'a proxy cannot join its group');
    const joined: Joined = { node, entry: this.entryOf(node), connections: 0, timer: undefined };
    this.joined.set(keyOf(node), joined);
    if (joined.entry !== undefined) void this.store();
    return joined;
  }

  private entryOf(node: ProxyNode): RegisteredEntry | undefined {
    const group = this.options.groupOf(node.namespace, node.group ?? '');
    return group === undefined || this.faultOf(node) !== undefined ? undefined : registeredEntry(group, node);
  }

  /** Only the account that the group names may join it. */
  private faultOf(node: ProxyNode): string | undefined {
    const group = this.options.groupOf(node.namespace, node.group ?? '');
    if (group === undefined) return `there is no WorkloadGroup ${node.namespace}/${node.group}`;
    const account = group.spec.template.serviceAccount || 'default';
    if (account === node.serviceAccount) return undefined;
    return `WorkloadGroup ${node.namespace}/${node.group} is for the account ${account}, not for ${node.serviceAccount}`;
  }

  private forgetAfter(joined: Joined, ms: number): void {
    joined.timer?.cancel();
    joined.timer = this.options.clock.after(ms, () => {
      this.joined.delete(keyOf(joined.node));
      if (joined.entry !== undefined) void this.store();
    });
  }

  private async store(): Promise<void> {
    const entries = [...this.joined.values()].flatMap(({ entry }) => entry ?? []);
    try {
      await this.options.store.keep(entries);
    } catch (error) {
      this.options.log.warn({ reason: messageOf(error) }, 'could not keep the workloads of joined proxies');
    }
  }
}

/** A group of a set of configuration. */
export function groupIn(
  set: ConfigSet | undefined,
  namespace: string,
  name: string,
): ConfigObject<WorkloadGroupSpec> | undefined {
  // Kept under its own kind, so it has that kind's spec.
  return set?.objects.get(objectKey('WorkloadGroup', namespace, name)) as ConfigObject<WorkloadGroupSpec> | undefined;
}

function keyOf({ namespace, workload }: ProxyNode): string {
  return `${namespace}/${workload}`;
}
