import type { Finding } from '../api/object.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import { reportsOf } from './reports.js';
import type { StatusWriter } from './writer.js';

/** A mesh as far as anything is said about it. */
export interface ReportedMesh {
  readonly configuration: Pick<ConfigSet, 'objects'> | undefined;
  readonly findings: readonly Finding[];
  readonly snapshot: MeshSnapshot | undefined;
}

/** Has the objects told what the mesh thinks of them, snapshot after snapshot. */
export class StatusReporter {
  /** What they were last told by. */
  private last: { readonly findings: readonly Finding[]; readonly shape: object } | undefined;

  constructor(private readonly writer: Pick<StatusWriter, 'update'>) {}

  /** Nothing is said before there is a mesh. */
  report(mesh: ReportedMesh | undefined): void {
    if (mesh?.snapshot === undefined || mesh.configuration === undefined) return;
    const { configuration, findings, snapshot } = mesh;
    // Most snapshots differ in endpoints only, of which nothing is said.
    if (this.last?.findings === findings && this.last.shape === snapshot.shape) return;
    this.last = { findings, shape: snapshot.shape };
    this.writer.update(reportsOf(configuration, findings, snapshot));
  }
}
