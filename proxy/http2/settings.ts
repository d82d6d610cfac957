import { ERROR, MAX_WINDOW } from './constants.js';
import { ConnectionError } from './errors.js';

/** Settings (RFC 9113 section 6.5.2; RFC 8441 section 3). */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
  /**
   * Our own, ignored by others as every unknown one is: the sender takes field names in the case in which HTTP/1 brought
   * them and the reason phrase as `:reason`, so that both ends of a hop can pass on what they were given; and, as
   * server, upgrades as extended CONNECT.
   */
  FAITHFUL_HTTP1: 0xf7e7,
} as const;

export type SettingEntry = readonly [id: number, value: number];

export interface OwnLimits {
  readonly tableSize: number;
  readonly streamWindow: number;
  readonly maxHeadBytes: number;
}

/** What either side of a connection of ours begins with. */
export function ownSettings({ tableSize, streamWindow, maxHeadBytes }: OwnLimits): readonly SettingEntry[] {
  return [
    [SETTING.HEADER_TABLE_SIZE, tableSize],
    [SETTING.INITIAL_WINDOW_SIZE, streamWindow],
    [SETTING.MAX_HEADER_LIST_SIZE, maxHeadBytes],
    [SETTING.FAITHFUL_HTTP1, 1],
  ];
}

/** A SETTINGS payload. */
export function encodeSettings(entries: readonly SettingEntry[]): Buffer {
  const payload = Buffer.allocUnsafe(entries.length * 6);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return payload;
}

/**
 * Calls back for each setting of a payload, in order.
 * @throws ConnectionError for a value that is not allowed
 */
export function readSettings(
  bytes: Buffer,
  start: number,
  end: number,
  apply: (id: number, value: number) => void,
): void {
  if ((end - start) % 6 !== 0) throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
  for (let at = start; at < end; at += 6) {
    const id = bytes.readUInt16BE(at);
    const value = bytes.readUInt32BE(at + 2);
    check(id, value);
    apply(id, value);
  }
}

function check(id: number, value: number): void {
  const flag = id === SETTING.ENABLE_PUSH || id === SETTING.ENABLE_CONNECT_PROTOCOL;
  if (flag && value > 1) throw new ConnectionError(ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
  if (id === SETTING.INITIAL_WINDOW_SIZE && value > MAX_WINDOW) {
    throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
  }
  if (id === SETTING.MAX_FRAME_SIZE && (value < 16_384 || value > 16_777_215)) {
    throw new ConnectionError(ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
  }
}
