/** What `GET /api/state` answers: whether the data plane follows the objects of the cluster or folder. */
export interface MeshState {
  /** Id of the interventions that are in force; empty when there never were any. */
  readonly id: string;
  /** Version of the configuration in force. */
  readonly version: string;
  readonly rollback?: RollbackState;
  readonly bypasses: readonly BypassState[];
}

export interface RollbackState {
  readonly version: string;
  /** When, ms since the epoch, and by whom. */
  readonly time: number;
  readonly by: string;
  /** Objects that are not as the cluster or folder has them: what `weft resume` would change. */
  readonly differs: readonly DifferingObject[];
}

export interface DifferingObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** What the object in the cluster or folder is against the version in force. */
  readonly change: 'added' | 'modified' | 'removed';
}

export interface BypassState {
  readonly namespace: string;
  /** Of one workload; of all of the namespace when undefined. */
  readonly workload?: string;
  /** Whether mTLS goes on. */
  readonly mtls: boolean;
  readonly time: number;
  /** When it ends by itself, ms since the epoch. */
  readonly until?: number;
  readonly by: string;
}
