import type { Labels } from './shared.js';

/** networking.istio.io WorkloadEntry: one workload, and where its application listens. */
export interface WorkloadEntrySpec {
  /** IP address, host name or `unix:///path`; may be missing where `network` is set. */
  readonly address?: string;
  /** Service port name → the application's port. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly labels?: Labels;
  /** One that is not the client's is entered through its gateways, where some are known. */
  readonly network?: string;
  readonly locality?: string;
  readonly weight?: number;
  /** Unset means `default`. */
  readonly serviceAccount?: string;
}
