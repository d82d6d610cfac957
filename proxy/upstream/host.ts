import { joinAddress } from '../../common/runtime/address.js';
import { isSocketPath } from '../../common/runtime/socket-path.js';
import type { WorkloadInfo } from '../http/stream-info.js';
import type { Host, HostPool, HostStats } from './cluster.js';
import type { EndpointConfig, TransportChoice } from './cluster-config.js';

/** A host of one cluster. It outlives updates of the cluster as long as address and transport stay the same. */
export class UpstreamHost implements Host {
  readonly address: string;
  readonly ip: string;
  readonly port: number;
  readonly transport: TransportChoice;
  readonly meshTls: boolean;
  weight = 1;
  priority = 0;
  locality = '';
  hostname = '';
  /** Given by metadata for consistent hashing; empty when there is none. */
  hashKey = '';
  health: EndpointConfig['health'] = 'healthy';
  workload: WorkloadInfo | undefined = undefined;
  /** Has not answered an active health check, or not well. */
  failedActiveCheck = false;
  /** Its endpoint asks for no active health check. */
  uncheckedHealth = false;
  /** Where its health is asked for, when that is not its own port. */
  healthPort: number | undefined = undefined;
  healthHostname = '';
  /** Put aside by outlier detection. */
  ejected = false;
  /** Since when it could be chosen, as far as warming up goes; monotonic ms. */
  readySince = Number.NEGATIVE_INFINITY;
  activeRequests = 0;
  readonly stats: HostStats = { total: 0, success: 0, error: 0, connectFail: 0, timeout: 0 };
  pool: HostPool | undefined = undefined;

  constructor(ip: string, port: number, transport: TransportChoice, meshTls: boolean) {
    this.address = isSocketPath(ip) ? ip : joinAddress(ip, port);
    this.ip = ip;
    this.port = port;
    this.transport = transport;
    this.meshTls = meshTls;
  }

  /** Takes over what an update may change without a new host. Returns whether the balancer has to know. */
  update(endpoint: EndpointConfig): boolean {
    const changed =
      this.weight !== endpoint.weight ||
      this.priority !== endpoint.priority ||
      this.locality !== endpoint.locality ||
      this.health !== endpoint.health ||
      this.hostname !== endpoint.hostname ||
      this.hashKey !== endpoint.hashKey;
    this.weight = endpoint.weight;
    this.priority = endpoint.priority;
    this.locality = endpoint.locality;
    this.health = endpoint.health;
    this.hostname = endpoint.hostname;
    this.hashKey = endpoint.hashKey;
    this.workload = endpoint.workload;
    this.uncheckedHealth = endpoint.healthCheck.disabled;
    this.healthPort = endpoint.healthCheck.port;
    this.healthHostname = endpoint.healthCheck.hostname;
    return changed;
  }

  /** What the balancer goes by: EDS health, active checks and ejection together. */
  get availability(): 'healthy' | 'degraded' | 'unhealthy' {
    return this.ejected || this.failedActiveCheck ? 'unhealthy' : this.health;
  }

  /** Closes its connections as they become idle. */
  drain(): void {
    this.pool?.drain();
  }
}

/** The parts of `ip:port`; undefined when it is something else. */
export function parseAddress(text: string): { readonly ip: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? 0);
  if (match === null || port < 1 || port > 65_535) return undefined;
  return { ip: match[1] ?? match[2] ?? '', port };
}
