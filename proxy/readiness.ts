import type { ResourceTypeUrl } from '../common/xds/type-urls.js';
import { TYPE } from '../common/xds/type-urls.js';

export interface ReadinessSources {
  /** Types that come from a server or a file, and whether their first response was applied. */
  readonly received: (typeUrl: ResourceTypeUrl) => boolean;
  readonly listenersWarm: () => boolean;
  readonly clustersWarm: () => boolean;
  /** Whether all secrets that clusters and listeners name are there. */
  readonly secretsPresent: () => boolean;
  /** Why the workload cannot prove who it is any more; empty while it can. */
  readonly identityFault: () => string;
}

/**
 * Ready once the first configuration is in as a whole: clusters with their endpoints, listeners with the route tables and
 * secrets they name, and the names of the mesh where the workload's DNS queries come here. It stays so until the proxy drains, but for the time in which its certificate has expired.
 */
export class Readiness {
  private reached = false;
  private draining = false;

  constructor(private readonly sources: ReadinessSources) {}

  get ready(): boolean {
    return this.reached && !this.draining && this.sources.identityFault() === '';
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** For /ready: what is still missing, or why it is over. */
  get reason(): string {
    if (this.draining) return 'draining';
    return this.reached ? this.sources.identityFault() : `waiting for ${this.missing()}`;
  }

  update(): void {
    this.reached ||= this.missing() === '';
  }

  drain(): void {
    this.draining = true;
  }

  private missing(): string {
    const { sources } = this;
    const parts: string[] = [];
    if (!sources.received(TYPE.cluster)) parts.push('clusters');
    else if (!sources.clustersWarm()) parts.push('endpoints');
    if (!sources.received(TYPE.listener)) parts.push('listeners');
    else if (!sources.listenersWarm()) parts.push('routes or secrets of listeners');
    if (!sources.secretsPresent()) parts.push('secrets');
    // Until then no query is answered, and an application that starts would take that for an answer.
    if (!sources.received(TYPE.nameTable)) parts.push('names');
    return parts.join(', ');
  }
}
