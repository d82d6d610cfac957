import { createHash, randomBytes } from 'node:crypto';
import type { HeaderList } from '../http/headers.js';

const KEY = 'sec-websocket-key';
const ACCEPT = 'sec-websocket-accept';
/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Over HTTP/2 a WebSocket has no key and no proof that it was read (RFC 8441 section 5); over HTTP/1 it is refused
 * without. Where the two meet, the missing half is made up here.
 */
export class WebSocketHandshake {
  private readonly added: boolean;

  /** Gives the request a key if it came without. */
  constructor(request: HeaderList) {
    this.added = !request.has(KEY);
    if (this.added) request.append(KEY, randomBytes(16).toString('base64'));
  }

  /** Takes the proof away from whoever did not ask for it. */
  finish(response: HeaderList): void {
    if (this.added) response.delete(ACCEPT);
  }
}

/** Proves to a client of HTTP/1 what its key asks for, unless the server has. */
export function ensureAccept(response: HeaderList, key: string): void {
  if (response.has(ACCEPT)) return;
  response.append(ACCEPT, createHash('sha1').update(`${key}${GUID}`).digest('base64'));
}
