import { isDeepStrictEqual } from 'node:util';
import type { Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { FilterChain__Output } from '../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import { ActiveListener, chainsOf, type ListenerDeps } from './active-listener.js';
import { AddressIndex } from './address-index.js';
import { BindRetries } from './bind-retries.js';
import type { CompiledListener } from './compile-listener.js';
import type { ListenerConfig } from './config.js';
import { needsOf } from './live-filter-chain.js';
import { listensAt } from './own-address.js';

export interface ListenerManagerDeps extends ListenerDeps {
  readonly compile: (message: Listener__Output) => CompiledListener;
  /** Whether the xDS server said that there is no such route table. */
  readonly routesMissing: (name: string) => boolean;
  readonly log: Logger;
  /** Loads what tells original destinations; the reason why that cannot be had, or undefined. */
  readonly prepareRedirection?: () => string | undefined;
  /** How long connections of a removed listener or chain may finish what they do. */
  readonly drainMs: number;
  /** Called when the names of routes and secrets that listeners need, or the warming ones, may have changed. */
  readonly onChange: () => void;
  /** Called when a listener that was refused for its address has got it after all. */
  readonly onBoundLate?: (name: string) => void;
}

/** A listener as /config_dump and /listeners show it. */
export interface ManagedListener {
  readonly listener: ActiveListener;
  readonly message: Listener__Output;
  readonly version: string;
  readonly fixed: boolean;
  readonly warming: boolean;
}

interface Prepared {
  readonly config: ListenerConfig;
  readonly transportKeys: ReadonlyMap<string, string>;
  readonly message: Listener__Output;
  readonly version: string;
}

interface Entry {
  readonly listener: ActiveListener;
  readonly fixed: boolean;
  active: Prepared | undefined;
  warming: Prepared | undefined;
  /** Ends the wait for route tables, as Envoy's initial_fetch_timeout does. */
  patience: Timer | undefined;
}

/** Envoy's default `initial_fetch_timeout`. */
const FETCH_TIMEOUT_MS = 15_000;

/**
 * LDS. A listener binds when it comes, so that a taken address is answered at once; it serves when its routes and secrets
 * are there. An update that is not warm yet leaves the configuration before it in force. One that cannot bind is refused, and
 * tried again as long as it is wanted: nobody tells when an address is free again.
 */
export class ListenerManager implements ResourceHandler {
  readonly typeUrl = TYPE.listener;
  private readonly deps: ListenerManagerDeps;
  private readonly entries = new Map<string, Entry>();
  private readonly retries: BindRetries;
  /** Updates and second attempts are worked off one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  private draining = false;
  private index = new AddressIndex<ActiveListener>([]);

  constructor(deps: ListenerManagerDeps) {
    this.deps = { ...deps, listenerAt: (destination) => this.index.find(destination) };
    this.retries = new BindRetries(deps.clock);
  }

  apply(update: ResourceUpdate): Promise<readonly ResourceError[]> {
    return this.inTurn(() => this.take(update));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async take(update: ResourceUpdate): Promise<readonly ResourceError[]> {
    // Removals first: a listener may have been renamed on the same address.
    for (const name of update.removals) this.remove(name);
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      this.retries.forget(name);
      const error = await this.upsert(name, message, update.version, false);
      if (error !== undefined) errors.push({ resource: name, message: error });
    }
    this.deps.onChange();
    return errors;
  }

  async addStatic(messages: readonly Listener__Output[]): Promise<readonly ResourceError[]> {
    const errors: ResourceError[] = [];
    for (const [index, message] of messages.entries()) {
      const name = message.name === undefined || message.name === '' ? `static-${index}` : message.name;
      const error = await this.upsert(name, message, '', true);
      if (error !== undefined) errors.push({ resource: name, message: error });
    }
    this.deps.onChange();
    return errors;
  }

  /** Looks again at what was waiting for routes or secrets. */
  recheck(): void {
    for (const [name, entry] of this.entries) this.tryActivate(name, entry, false);
  }

  /** Whether every listener serves its newest configuration. */
  get warm(): boolean {
    return [...this.entries.values()].every(({ warming }) => warming === undefined);
  }

  /** Names of the route tables and keys of the secrets that listeners read, those of warming ones too. */
  needs(): { readonly routes: Set<string>; readonly secrets: Set<string> } {
    const routes = new Set<string>();
    const secrets = new Set<string>();
    for (const { active, warming } of this.entries.values()) {
      for (const prepared of [active, warming]) {
        for (const chain of prepared === undefined ? [] : chainsOf(prepared.config)) {
          const needs = needsOf(chain);
          for (const { name } of needs.routes) routes.add(name);
          for (const key of needs.secrets) secrets.add(key);
        }
      }
    }
    return { routes, secrets };
  }

  list(): ManagedListener[] {
    const rows: ManagedListener[] = [];
    for (const { listener, active, warming, fixed } of this.entries.values()) {
      const shown = active ?? warming;
      if (shown === undefined) continue;
      rows.push({ listener, message: shown.message, version: shown.version, fixed, warming: warming !== undefined });
    }
    return rows;
  }

  /** Whether this is an address at which requests are taken that are to leave this machine: nothing may be sent there. */
  sendsOutFrom(ip: string, port: number): boolean {
    return [...this.entries.values()].some(({ active }) => {
      if (active === undefined || active.config.direction === 'inbound') return false;
      return active.config.addresses.some((address) => listensAt(address, ip, port));
    });
  }

  get connectionCount(): number {
    let count = 0;
    for (const { listener } of this.entries.values()) count += listener.connectionCount;
    return count;
  }

  /** Stops accepting everywhere and lets connections finish. */
  drain(graceMs: number): void {
    this.draining = true;
    this.retries.forgetAll();
    for (const { listener } of this.entries.values()) listener.drain(graceMs);
  }

  /** Lets connections finish and asks their clients to go; new ones are still served. */
  leave(inboundOnly: boolean): void {
    for (const { listener, active } of this.entries.values()) {
      if (!inboundOnly || active?.config.direction === 'inbound') listener.leave();
    }
  }

  /** Envoy's `downstream_cx_active` of inbound listeners, or of all that came by xDS: a gateway's are not inbound. */
  activeConnections(inboundOnly: boolean): number {
    let count = 0;
    for (const { listener, active, fixed } of this.entries.values()) {
      const counts = inboundOnly ? active?.config.direction === 'inbound' : !fixed;
      if (counts) count += listener.stats.downstream_cx_active;
    }
    return count;
  }

  /** Connections of inbound listeners. */
  get inboundConnectionCount(): number {
    let count = 0;
    for (const { listener, active } of this.entries.values()) {
      if (active?.config.direction === 'inbound') count += listener.connectionCount;
    }
    return count;
  }

  /** The same for inbound listeners alone; updates go on for the others. */
  drainInbound(graceMs: number): void {
    for (const { listener, active } of this.entries.values()) {
      if (active?.config.direction === 'inbound') listener.drain(graceMs);
    }
  }

  destroy(): void {
    this.draining = true;
    this.retries.forgetAll();
    for (const { listener, patience } of this.entries.values()) {
      patience?.cancel();
      listener.destroy();
    }
  }

  /** Returns what is wrong, or undefined. */
  private async upsert(
    name: string,
    message: Listener__Output,
    version: string,
    fixed: boolean,
  ): Promise<string | undefined> {
    if (this.draining) return undefined;
    const known = this.entries.get(name);
    const newest = known?.warming ?? known?.active;
    if (newest !== undefined && isDeepStrictEqual(newest.message, message)) return undefined;
    if (known?.fixed === true && !fixed) return 'a static listener has this name';
    const compiled = this.deps.compile(message);
    if ('errors' in compiled) return compiled.errors.join('; ');
    const { config, warnings } = compiled;
    if (warnings.length > 0) this.deps.log.warn({ listener: name, warnings }, 'fields without effect');
    const missing = config.originalDst || config.transparent === true ? this.deps.prepareRedirection?.() : undefined;
    if (missing !== undefined) return missing;
    const prepared = { config, transportKeys: transportKeysOf(config, message), message, version };
    const refusal = await this.install(name, prepared, fixed);
    if (refusal !== undefined && !fixed) this.tryLater(name, prepared);
    return refusal;
  }

  /** Binds it, and lets it serve as soon as it is warm. Returns why it cannot bind. */
  private async install(name: string, prepared: Prepared, fixed: boolean): Promise<string | undefined> {
    const { config } = prepared;
    const entry = this.entries.get(name) ?? newEntry(new ActiveListener(name, this.deps), fixed);
    try {
      await entry.listener.bind(config.bindToPort ? config.addresses : [], config.transparent);
    } catch (error) {
      return messageOf(error);
    }
    this.entries.set(name, entry);
    entry.warming = prepared;
    entry.patience?.cancel();
    entry.patience = this.deps.clock.after(FETCH_TIMEOUT_MS, () => this.tryActivate(name, entry, true));
    this.tryActivate(name, entry, false);
    return undefined;
  }

  private tryLater(name: string, prepared: Prepared): void {
    const bind = async (): Promise<boolean> => {
      if ((await this.install(name, prepared, false)) !== undefined) return false;
      this.deps.log.info({ listener: name }, 'the listener has its address now');
      this.deps.onBoundLate?.(name);
      this.deps.onChange();
      return true;
    };
    this.retries.start(name, bind, (attempt) => this.inTurn(attempt));
  }

  private remove(name: string): void {
    this.retries.forget(name);
    const entry = this.entries.get(name);
    if (entry === undefined || entry.fixed) return;
    this.entries.delete(name);
    entry.patience?.cancel();
    entry.listener.drain(this.deps.drainMs);
    this.reindex();
  }

  /** Listeners that wait for their first configuration are not looked for: what would be theirs is served as unknown. */
  private reindex(): void {
    const active: [ListenerConfig['addresses'], ActiveListener][] = [];
    for (const { listener, active: prepared } of this.entries.values()) {
      if (prepared !== undefined) active.push([prepared.config.addresses, listener]);
    }
    this.index = new AddressIndex(active);
  }

  private tryActivate(name: string, entry: Entry, outOfPatience: boolean): void {
    const prepared = entry.warming;
    if (prepared === undefined || this.entries.get(name) !== entry || this.draining) return;
    if (!this.isWarm(prepared.config, outOfPatience)) return;
    entry.patience?.cancel();
    entry.warming = undefined;
    entry.active = prepared;
    this.reindex();
    entry.listener.activate(prepared.config, prepared.transportKeys, this.deps.drainMs);
    this.deps.onChange();
  }

  /** Secrets are waited for without limit: serving without them would refuse every connection anyway. */
  private isWarm(config: ListenerConfig, outOfPatience: boolean): boolean {
    return chainsOf(config).every((chain) => {
      const needs = needsOf(chain);
      const secrets = needs.secrets.every((key) => this.deps.secrets.get(key) !== undefined);
      const routes = needs.routes.every(({ name, ready }) => ready() || this.deps.routesMissing(name));
      return secrets && (routes || outOfPatience);
    });
  }
}

function newEntry(listener: ActiveListener, fixed: boolean): Entry {
  return { listener, fixed, active: undefined, warming: undefined, patience: undefined };
}

/**
 * By chain name, everything about a chain but the settings of its terminal filter. Where two keys are equal, a connection
 * that was admitted under one would have been admitted under the other.
 */
function transportKeysOf(config: ListenerConfig, message: Listener__Output): Map<string, string> {
  const keys = new Map<string, string>();
  config.filterChains.forEach((chain, index) => {
    keys.set(chain.name, transportKey(message.filter_chains?.[index], chain.terminal.kind));
  });
  const fallback = config.defaultFilterChain;
  if (fallback !== undefined) {
    keys.set(fallback.name, transportKey(message.default_filter_chain, fallback.terminal.kind));
  }
  return keys;
}

function transportKey(chain: FilterChain__Output | undefined, kind: string): string {
  return JSON.stringify([
    kind,
    chain?.filter_chain_match ?? null,
    chain?.transport_socket ?? null,
    chain?.transport_socket_connect_timeout ?? null,
    (chain?.filters ?? []).slice(0, -1),
  ]);
}
