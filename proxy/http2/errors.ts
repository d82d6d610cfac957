import { ERROR } from './constants.js';

/** Breaks the whole connection: GOAWAY with `code` (RFC 9113 section 5.4.1). */
export class ConnectionError extends Error {
  constructor(
    readonly code: number,
    /** Name of the counter, and what a log says. */
    readonly detail: string,
  ) {
    super(detail);
    this.name = 'ConnectionError';
  }
}

/** Breaks one stream: RST_STREAM with `code` (RFC 9113 section 5.4.2). */
export class StreamError extends Error {
  constructor(
    readonly streamId: number,
    readonly code: number,
    readonly detail: string,
  ) {
    super(detail);
    this.name = 'StreamError';
  }
}

export function protocolError(): ConnectionError {
  return new ConnectionError(ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
}

export function sizeError(): ConnectionError {
  return new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'rx_messaging_error');
}
