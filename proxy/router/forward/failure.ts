import { FLAG } from '../../http/flags.js';
import type { LocalReply, ResetReason } from '../../http/stream.js';

/** What Envoy calls a reset and the flag that it sets. */
const RESETS: Readonly<Record<ResetReason, { readonly text: string; readonly flag: number }>> = {
  'connect-failure': { text: 'remote connection failure', flag: FLAG.UF },
  'connect-timeout': { text: 'connection timeout', flag: FLAG.UF },
  'remote-reset': { text: 'connection termination', flag: FLAG.UC },
  'stream-reset': { text: 'remote reset', flag: FLAG.UR },
  refused: { text: 'remote refused stream reset', flag: FLAG.UR },
  'protocol-error': { text: 'protocol error', flag: FLAG.UPE },
  overflow: { text: 'overflow', flag: FLAG.UO },
  'local-reset': { text: 'local reset', flag: FLAG.LR },
};

const NO_FIELDS: NonNullable<LocalReply['headers']> = [];
const OVERLOADED: NonNullable<LocalReply['headers']> = [['x-envoy-overloaded', 'true']];

export function resetFlag(reason: ResetReason): number {
  return RESETS[reason].flag;
}

/** `%RESPONSE_CODE_DETAILS%` of a reset, before or after the response head went downstream. */
export function resetDetails(reason: ResetReason, transportFailure: string, started: boolean): string {
  const when = started ? 'upstream_reset_after_response_started' : 'upstream_reset_before_response_started';
  const why = transportFailure === '' ? RESETS[reason].text : `${RESETS[reason].text}|${transportFailure}`;
  return `${when}{${why}}`.replace(/\s/g, '_');
}

/** The answer to an upstream that failed before its response head. The transport's reason goes to the log only. */
export function resetReply(reason: ResetReason, transportFailure: string, retried: boolean): LocalReply {
  const text = RESETS[reason].text;
  return {
    status: reason === 'protocol-error' ? 502 : 503,
    body: `upstream connect error or disconnect/reset before headers. ${retried ? 'retried and the latest ' : ''}reset reason: ${text}`,
    details: resetDetails(reason, transportFailure, false),
    flags: RESETS[reason].flag,
    headers: reason === 'overflow' ? OVERLOADED : NO_FIELDS,
  };
}

export const NO_ROUTE: LocalReply = { status: 404, body: '', details: 'route_not_found', flags: FLAG.NR };

export const NO_HEALTHY_UPSTREAM: LocalReply = {
  status: 503,
  body: 'no healthy upstream',
  details: 'no_healthy_upstream',
  flags: FLAG.UH,
};

export function clusterNotFound(status: number): LocalReply {
  return { status, body: '', details: 'cluster_not_found', flags: FLAG.NC };
}

export type TimeoutKind = 'response_timeout' | 'upstream_per_try_timeout' | 'upstream_per_try_idle_timeout';

export function timeoutReply(kind: TimeoutKind): LocalReply {
  return { status: 504, body: 'upstream request timeout', details: kind, flags: FLAG.UT };
}

/** The request outgrew the buffer while a retry was waiting: there is nothing left to send. */
export const RETRY_BUFFER_EXCEEDED: LocalReply = {
  status: 507,
  body: 'exceeded request buffer limit while retrying upstream',
  details: 'request_payload_exceeded_retry_buffer_limit',
  flags: 0,
};
