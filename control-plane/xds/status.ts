import { TYPE } from '../../common/xds/type-urls.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { Watch } from './watch.js';

export type SyncStatus = 'SYNCED' | 'STALE' | 'NOT SENT' | 'NACKED';

export interface TypeStatus {
  readonly status: SyncStatus;
  readonly sent: string | undefined;
  readonly acked: string | undefined;
  /** How many resources of the type the proxy has. */
  readonly resources: number;
  /** The refusal that stands: undefined once all that was refused has been replaced and accepted. */
  readonly lastNack: { readonly reason: string; readonly at: string; readonly resource: string } | undefined;
}

export const SHORT_NAMES = {
  CDS: TYPE.cluster,
  EDS: TYPE.endpoint,
  LDS: TYPE.listener,
  RDS: TYPE.route,
} as const;

export type ShortName = keyof typeof SHORT_NAMES;

/** One connected proxy, for people: `/debug/syncz`. */
export interface ProxyStatus {
  readonly id: string;
  readonly namespace: string;
  readonly workload: string;
  readonly dataPlane: ProxyNode['dataPlane'];
  /** Release of the proxy, where it says. */
  readonly version?: string;
  readonly protocol: 'delta' | 'sotw';
  /** RFC 3339. */
  readonly connectedAt: string;
  readonly types: Readonly<Record<ShortName, TypeStatus>>;
}

/** `behind`: there is something newer than what was sent. */
export function typeStatus(watch: Watch | undefined, behind: boolean): TypeStatus {
  const rejection = watch?.rejection;
  // What it kept from before a reconnect it has, too.
  const has = watch !== undefined && (watch.sentVersion !== undefined || watch.sentCount > 0);
  const status: SyncStatus =
    rejection !== undefined
      ? 'NACKED'
      : !has
        ? 'NOT SENT'
        : watch.outstanding !== undefined || behind
          ? 'STALE'
          : 'SYNCED';
  return {
    status,
    sent: watch?.sentVersion,
    acked: watch?.ackedVersion,
    resources: watch?.sentCount ?? 0,
    lastNack: rejection && {
      reason: rejection.reason,
      at: new Date(rejection.at).toISOString(),
      resource: [...rejection.resources.keys()].join(', '),
    },
  };
}
