import type { CertificateOrder, CertificateReport } from './certificates.js';
import type { SidecarNode } from './sidecar.js';

/** What the bench tells the process of the sidecars. */
export type ToFleet =
  | { readonly kind: 'connect'; readonly nodes: readonly SidecarNode[]; readonly address: string; readonly ca: string }
  /** The pod of one is gone, and another has come. */
  | { readonly kind: 'replace'; readonly gone: string; readonly node: SidecarNode }
  /** From now on it is counted who hears what. */
  | { readonly kind: 'arm' }
  | { readonly kind: 'report'; readonly detailed: boolean }
  /** What a sample has of a resource. */
  | { readonly kind: 'ask'; readonly typeUrl: string; readonly name: string; readonly text: string }
  | { readonly kind: 'certificates'; readonly order: CertificateOrder }
  /** All end, and do not come back until they are told to connect. */
  | { readonly kind: 'stop' };

/** What sidecars heard since `arm`. Times are those of `process.hrtime`, which all processes share, in ms. */
export interface FleetReport {
  readonly connected: number;
  /** Have everything that they asked for. */
  readonly served: number;
  /** When the last became so. */
  readonly servedAt: number;
  /** When anybody last acknowledged anything. */
  readonly heardAt: number;
  /** Of the last acknowledgement of each sidecar that heard anything; only when asked for in detail. */
  readonly heard: readonly { readonly namespace: string; readonly at: number; readonly responses: number }[];
  readonly responses: number;
  readonly bytes: number;
  readonly lost: number;
  readonly lastLoss: string;
  /** Resources that the sample holds. */
  readonly resources: number;
}

export type FromFleet =
  | { readonly kind: 'report'; readonly report: FleetReport }
  | { readonly kind: 'answer'; readonly yes: boolean }
  | { readonly kind: 'certificates'; readonly certificates: CertificateReport };

export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
