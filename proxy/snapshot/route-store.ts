import type { Clock } from '../../common/runtime/clock.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { RouteSource } from '../http/connection-manager-config.js';
import { compileRouteConfiguration } from '../router/compile-route-table.js';
import type { RouteTable } from '../router/route.js';
import type { RouteDeps } from '../router/route-deps.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import { type DumpEntry, DumpRecord, type DumpSource } from './config-dump.js';

export interface RouteStoreDeps {
  readonly routes: RouteDeps;
  readonly clock: Pick<Clock, 'now'>;
  /** Called with what a good resource sets without effect. */
  warn(resource: string, warnings: readonly string[]): void;
  /** Called after a table of this name came or changed. */
  changed?(name: string): void;
}

/** The current route tables by RDS name. A request keeps the table it started with; the next one sees the new one. */
export class RouteStore implements ResourceHandler, DumpSource {
  readonly typeUrl = TYPE.route;
  private readonly tables = new Map<string, RouteTable>();
  private readonly record = new DumpRecord(TYPE.route);

  constructor(private readonly deps: RouteStoreDeps) {}

  /** The live routes of an RDS name, whether they have come or not. */
  routeSource(name: string): RouteSource {
    return { rdsName: name, current: () => this.tables.get(name) };
  }

  has(name: string): boolean {
    return this.tables.has(name);
  }

  apply(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      const compiled = compileRouteConfiguration(message, this.deps.routes);
      if ('errors' in compiled) {
        for (const error of compiled.errors) errors.push({ resource: name, message: error });
        this.record.refuse(name, update.version, compiled.errors, this.deps.clock.now());
        continue;
      }
      this.tables.set(name, compiled.table);
      this.record.accept(name, message, update.version, this.deps.clock.now());
      if (compiled.warnings.length > 0) this.deps.warn(name, compiled.warnings);
      this.deps.changed?.(name);
    }
    for (const name of update.removals) {
      this.tables.delete(name);
      this.record.remove(name);
    }
    return errors;
  }

  dump(): readonly DumpEntry[] {
    return this.record.list();
  }
}
