import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatFinding } from '../../control-plane/api/finding.js';
import type { Finding } from '../../control-plane/api/object.js';
import { getJson, getText } from '../mesh/http.js';
import { locateControlPlane } from '../mesh/locate.js';
import type { WorkloadListing } from '../mesh/workloads.js';

/** The running control plane, asked on its debug port. While it is away, the last answers stand. */
export class ControlPlaneView {
  private lastWorkloads: readonly WorkloadListing[] = [];
  private lastFindings: readonly string[] = [];
  private lastDashboard = '';

  constructor(private readonly stateFolder: string) {}

  async ready(): Promise<boolean> {
    if (!existsSync(join(this.stateFolder, 'control-plane.json'))) return false;
    return getText(`${this.url()}/ready`).then(
      () => true,
      () => false,
    );
  }

  async workloads(): Promise<readonly WorkloadListing[]> {
    try {
      this.lastWorkloads = await getJson<WorkloadListing[]>(`${this.url()}/debug/workloads`);
      const findings = await getJson<Finding[]>(`${this.url()}/debug/findings`);
      this.lastFindings = findings.filter((finding) => finding.level !== 'info').map(formatFinding);
    } catch {
      // It may be starting again; the sidecars go on without it, and so does the view.
    }
    return this.lastWorkloads;
  }

  findings(): readonly string[] {
    return this.lastFindings;
  }

  bootstrap(workload: WorkloadListing): Promise<string> {
    return getText(
      `${this.url()}/debug/bootstrap?workload=${encodeURIComponent(`${workload.namespace}/${workload.name}`)}`,
    );
  }

  /** Empty until it is known. */
  dashboardUrl(): string {
    try {
      this.lastDashboard = `${this.url()}/dashboard/`;
    } catch {
      // It starts again, at the same port where it can.
    }
    return this.lastDashboard;
  }

  private url(): string {
    return locateControlPlane(this.stateFolder).debugUrl;
  }
}
