import { TYPE } from '../../common/xds/type-urls.js';
import type { RouteConfiguration__Output } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { RouteSource } from '../http/connection-manager-config.js';
import type { CompiledRouteTable } from '../router/compile-route-table.js';
import type { RouteTable } from '../router/route.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from './resources.js';

/** A route table that came by RDS, for /config_dump. */
export interface ManagedRoutes {
  readonly message: RouteConfiguration__Output;
  readonly version: string;
  readonly table: RouteTable;
}

/** RDS: the route tables in force by name. A connection manager reads its own through a source that never changes. */
export class RouteTables implements ResourceHandler {
  readonly typeUrl = TYPE.route;
  private readonly tables = new Map<string, ManagedRoutes>();
  private readonly compile: (message: RouteConfiguration__Output) => CompiledRouteTable;

  constructor(compile: (message: RouteConfiguration__Output) => CompiledRouteTable) {
    this.compile = compile;
  }

  apply(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      const compiled = this.compile(message);
      if ('errors' in compiled) errors.push({ resource: name, message: compiled.errors.join('; ') });
      else this.tables.set(name, { message, version: update.version, table: compiled.table });
    }
    for (const name of update.removals) this.tables.delete(name);
    return errors;
  }

  source(name: string): RouteSource {
    return { rdsName: name, current: () => this.tables.get(name)?.table };
  }

  list(): ManagedRoutes[] {
    return [...this.tables.values()];
  }
}
