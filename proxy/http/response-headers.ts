import type { Clock } from '../../common/runtime/clock.js';
import type { ActiveStream } from './active-stream.js';
import type { ResponseHead } from './message.js';

/** What the connection manager adds to every response that leaves, local replies too, in Envoy's order. */
export function prepareResponseHead(head: ResponseHead, stream: ActiveStream, clock: Clock): void {
  const { headers } = head;
  const { config } = stream;
  if (!headers.has('date')) headers.appendKnown('date', 'date', httpDate(clock.now()));
  if (config.requestId.alwaysInResponse || forcesTrace(stream)) headers.set('x-request-id', stream.info.requestId);
  switch (config.serverHeader) {
    case 'overwrite':
      headers.set('server', config.serverName);
      break;
    case 'append-if-absent':
      if (!headers.has('server')) headers.appendKnown('server', 'server', config.serverName);
      break;
    case 'pass-through':
      break;
  }
  if (config.via !== '') {
    const received = headers.joined('via');
    headers.set('via', received === undefined ? config.via : `${received}, ${config.via}`);
  }
}

/** Only a client of our own can ask for it. */
function forcesTrace({ config, request }: ActiveStream): boolean {
  return config.xff.isInternal !== undefined && request.headers.has('x-envoy-force-trace');
}

let dateSecond = -1;
let dateText = '';

/** IMF-fixdate (RFC 9110 section 5.6.7), made once a second. */
function httpDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}
