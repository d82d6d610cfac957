import { weftProgram } from '../../../cli/installation.js';
import { getJson, getText } from '../../../cli/mesh/http.js';
import { locateControlPlane } from '../../../cli/mesh/locate.js';
import { findWorkload } from '../../../cli/mesh/workloads.js';
import { freePort, LOAD_CPU, PinnedProcess } from '../processes.js';
import type { Context } from '../scenario.js';

const READY_MS = 120_000;

/** The real control plane on a folder, beside the load; proxies of either kind ask it over one plain port. */
export class BenchControlPlane {
  private constructor(
    private readonly process: PinnedProcess,
    private readonly xdsPort: number,
    private readonly state: string,
  ) {}

  static async start(context: Pick<Context, 'defer'>, configuration: string): Promise<BenchControlPlane> {
    const port = await freePort();
    const state = `${configuration}-state`;
    const folders = ['--config', configuration, '--state', state];
    const command = [
      process.execPath,
      weftProgram(),
      'control-plane',
      ...folders,
      '--plaintext-xds-port',
      String(port),
    ];
    const started = new PinnedProcess('control plane', LOAD_CPU, command);
    context.defer(() => started.stop());
    const deadline = performance.now() + READY_MS;
    for (;;) {
      started.check();
      try {
        await getText(`${locateControlPlane(state).debugUrl}/ready`);
        return new BenchControlPlane(started, port, state);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  get pid(): number {
    return this.process.pid;
  }

  /**
   * A bootstrap that asks for everything over delta ADS, the same for both kinds; who they are differs, so that each has its
   * own listener. `admin` is where its admin server listens.
   */
  async bootstrap(workload: string, userAgent: 'weft' | 'envoy'): Promise<{ admin: number; bootstrap: object }> {
    const { debugUrl } = locateControlPlane(this.state);
    const made = await getJson<SidecarBootstrap>(`${debugUrl}/debug/bootstrap?workload=bench/${workload}`);
    const { id, cluster, metadata } = made.node;
    const kept = ['NAMESPACE', 'WORKLOAD_NAME', 'SERVICE_ACCOUNT', 'LABELS', 'CLUSTER_ID', 'MESH_ID', 'TRUST_DOMAIN'];
    const node = {
      ...{ id, cluster, user_agent_name: userAgent },
      metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => kept.includes(key))),
    };
    const [xds, ...others] = made.static_resources.clusters;
    const plain = { ...xds, type: 'STATIC', transport_socket: undefined, load_assignment: this.assignment() };
    const bootstrap = { ...made, node, static_resources: { clusters: [plain, ...others] } };
    return { admin: made.admin.address.socket_address.port_value, bootstrap };
  }

  /** Where a workload's sidecar takes the requests of its application. */
  async outboundPort(workload: string): Promise<number> {
    const { sidecar } = await findWorkload(this.state, workload);
    if (sidecar === undefined) throw new Error(`the control plane knows no sidecar of ${workload}`);
    return sidecar.outbound;
  }

  private assignment(): object {
    const socket_address = { address: '127.0.0.1', port_value: this.xdsPort };
    return { cluster_name: 'xds-grpc', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address } } }] }] };
  }
}

interface SidecarBootstrap {
  readonly admin: { readonly address: { readonly socket_address: { readonly port_value: number } } };
  readonly node: {
    readonly id: string;
    readonly cluster: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  readonly static_resources: { readonly clusters: readonly object[] };
}
