import type { Clock } from '../../common/runtime/clock.js';

export interface ServerConnectionOptions {
  readonly clock: Clock;
  /** Whether the connection carries TLS: the scheme of its requests. */
  readonly secure: boolean;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly acceptHttp10: boolean;
}
