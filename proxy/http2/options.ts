import type { Clock, Random } from '../../common/runtime/clock.js';

/** What a configuration says about HTTP/2 (core.v3.Http2ProtocolOptions); what is absent has the codec's default. */
export interface Http2Settings {
  /** Of header compression, bytes; both directions. */
  readonly tableSize?: number;
  /** Streams at once: those that the peer may open, or those that we open. */
  readonly maxConcurrentStreams?: number;
  /** What the peer may send ahead on one stream and on the connection, bytes. */
  readonly streamWindow?: number;
  readonly connectionWindow?: number;
  /** RFC 8441: upgrades come as extended CONNECT. */
  readonly allowConnect?: boolean;
  readonly keepAlive?: KeepAliveSettings;
}

/** PING frames that find out whether the peer is there (core.v3.KeepaliveSettings). Times in ms. */
export interface KeepAliveSettings {
  /** 0: none regularly. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Added to the interval by chance, percent of it. */
  readonly jitterPercent: number;
  /** Silence after which a new stream is preceded by a PING; 0: never. */
  readonly idleMs: number;
}

export interface Http2Options {
  readonly clock: Clock;
  /** Without it, intervals have no jitter. */
  readonly random?: Random;
  /** Names the counter `http2.NAME` of what happened. */
  readonly count: (name: string) => void;
  /** Of a header list, bytes as RFC 9113 section 6.5.2 counts them, and fields. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly settings?: Http2Settings;
  /** A stream whose waiting bytes do not move for this long is reset, ms. */
  readonly stallMs?: number;
}
