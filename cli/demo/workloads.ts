import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DETAILS_GRPC, RATINGS_DATABASE, SAMPLE_WORKLOADS, type SampleWorkload } from '../bookinfo/catalog.js';
import { SIDECAR_ENVIRONMENT, SIDECAR_NODE_OPTIONS } from '../installation.js';
import { getText } from '../mesh/http.js';
import { adminUrl, type WorkloadListing } from '../mesh/workloads.js';
import type { Children } from './children.js';
import type { ControlPlaneView } from './control-plane-view.js';
import type { OwnAddresses } from './own-addresses.js';

/** Where a sidecar's admin port answers. */
export interface SidecarAdmin {
  readonly workload: string;
  readonly url: string;
}

/** Keeps the processes in step with the workloads that the configuration names; one that is elsewhere is nobody's process here. */
export class Workloads {
  /** Those on this machine. */
  private current: readonly WorkloadListing[] = [];
  /** The others, with their addresses. */
  private others: readonly WorkloadListing[] = [];
  /** Bootstrap with which each sidecar was started. */
  private readonly bootstraps = new Map<string, string>();

  constructor(
    private readonly children: Children,
    private readonly controlPlane: ControlPlaneView,
    private readonly stateFolder: string,
    private readonly own: OwnAddresses,
  ) {}

  /** Workloads at addresses that are none of this machine. */
  get elsewhere(): readonly Pick<WorkloadListing, 'name' | 'address'>[] {
    return this.others;
  }

  get names(): string[] {
    return this.current.map((workload) => workload.name);
  }

  /** Starts what is new, ends what is gone, starts a sidecar again whose ports have changed. */
  async reconcile(): Promise<void> {
    const all = await this.controlPlane.workloads();
    const here = await Promise.all(all.map(({ address }) => this.own.has(address)));
    const listed = all.filter((_, index) => here[index] === true);
    this.others = all.filter((_, index) => here[index] !== true);
    for (const old of this.current) {
      if (!listed.some((workload) => workload.name === old.name && workload.namespace === old.namespace))
        await this.remove(old);
    }
    this.current = listed;
    for (const workload of listed) {
      await this.startSidecar(workload);
      this.startApplication(workload);
    }
  }

  async allReady(): Promise<boolean> {
    await this.reconcile();
    if (this.current.length === 0) return false;
    const answers = await Promise.all(
      this.admins().map((admin) =>
        getText(`${admin.url}/ready`, 1000).then(
          () => true,
          () => false,
        ),
      ),
    );
    return answers.every((ready) => ready);
  }

  admins(): SidecarAdmin[] {
    return this.current.flatMap((workload) =>
      workload.sidecar === undefined ? [] : [{ workload: workload.name, url: adminUrl(workload) }],
    );
  }

  /** Where the traffic source finds the HTTP proxy that its sidecar is. */
  trafficProxyUrl(): string | undefined {
    const traffic = this.current.find((workload) => SAMPLE_WORKLOADS.get(workload.name)?.service === 'traffic');
    return traffic?.sidecar === undefined ? undefined : `http://${traffic.address}:${traffic.sidecar.outbound}`;
  }

  /** The HTTP proxy of the first workload that has one. */
  anyProxyUrl(): string | undefined {
    const [workload] = this.current.filter(({ sidecar }) => sidecar !== undefined);
    return workload?.sidecar === undefined ? undefined : `http://${workload.address}:${workload.sidecar.outbound}`;
  }

  productPageUrl(): string | undefined {
    const page = this.current.find((workload) => SAMPLE_WORKLOADS.get(workload.name)?.service === 'productpage');
    return page?.ports[0] === undefined ? undefined : `http://${page.address}:${page.ports[0]}/productpage`;
  }

  private async startSidecar(workload: WorkloadListing): Promise<void> {
    if (workload.sidecar === undefined) return;
    const key = `${workload.namespace}.${workload.name}`;
    const child = `sidecar ${workload.name}`;
    // Its ports and its identity stand in its bootstrap.
    const part = JSON.stringify([workload.sidecar, workload.serviceAccount]);
    if (this.bootstraps.get(key) === part && this.children.has(child)) return;
    const bootstrap = await this.controlPlane.bootstrap(workload).catch(() => undefined);
    if (bootstrap === undefined) return;
    const folder = join(this.stateFolder, 'bootstrap');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, `${key}.json`);
    writeFileSync(file, bootstrap, { mode: 0o600 });
    const known = this.bootstraps.has(key);
    this.bootstraps.set(key, part);
    if (known) await this.children.stop(child);
    const env = {
      ...SIDECAR_ENVIRONMENT,
      NODE_OPTIONS: [process.env['NODE_OPTIONS'], ...SIDECAR_NODE_OPTIONS].join(' ').trim(),
    };
    this.children.start({ name: child, args: ['proxy', '-c', file], env });
  }

  private startApplication(workload: WorkloadListing): void {
    const sample = SAMPLE_WORKLOADS.get(workload.name);
    const port = workload.ports[0];
    const child = `app ${workload.name}`;
    if (sample === undefined || sample.service === 'traffic' || port === undefined || this.children.has(child)) return;
    this.children.start({
      name: child,
      args: [
        'bookinfo',
        '--service',
        sample.service,
        '--service-version',
        sample.version,
        '--host',
        workload.address,
        '--port',
        String(port),
        ...this.extras(sample, workload),
      ],
      env:
        workload.sidecar === undefined ? {} : { HTTP_PROXY: `http://${workload.address}:${workload.sidecar.outbound}` },
    });
  }

  /** What the sample speaks besides HTTP, where the configuration has it. */
  private extras({ service }: SampleWorkload, workload: WorkloadListing): string[] {
    const details = this.current.filter(({ name }) => SAMPLE_WORKLOADS.get(name)?.service === 'details');
    const grpc = details.length > 0 && details.every(({ ports }) => ports.length > 1);
    const [, second] = workload.ports;
    if (service === 'details' && second !== undefined) return ['--grpc-port', String(second)];
    if (service === 'productpage' && grpc) return ['--details-grpc', DETAILS_GRPC];
    const database = this.current.some(({ name }) => SAMPLE_WORKLOADS.get(name)?.service === 'ratings-db');
    return service === 'ratings' && database ? ['--database', RATINGS_DATABASE] : [];
  }

  private async remove(workload: WorkloadListing): Promise<void> {
    this.bootstraps.delete(`${workload.namespace}.${workload.name}`);
    await Promise.all([this.children.stop(`app ${workload.name}`), this.children.stop(`sidecar ${workload.name}`)]);
  }
}
