import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';

/** One compiled access log: filter, format and sink. */
export interface AccessLogger {
  /** Called once when a request, or a TCP connection (then without heads), is over and its info is final. */
  log(info: StreamInfo, request: RequestHead | undefined, response: ResponseHead | undefined): void;
}
