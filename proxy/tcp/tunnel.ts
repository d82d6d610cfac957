import type { Socket } from 'node:net';
import { messageOf } from '../../common/runtime/errors.js';
import { Framing } from '../http1/fields.js';
import { HeadBuffer } from '../http1/head-buffer.js';
import { parseResponseHead } from '../http1/response-head.js';
import type { TunnelConfig } from '../listeners/config.js';
import { PostTunnel } from './post-tunnel.js';

/** Of the forward proxy's answer, bytes and fields. */
const MAX_HEAD_BYTES = 60 * 1024;
const MAX_FIELDS = 100;

export interface TunnelEvents {
  /** Bytes may flow through the stream, those that came behind the answer first. */
  onOpen(stream: Socket | PostTunnel): void;
  /** The socket is not destroyed yet. Not called when it closes by itself. */
  onRefused(reason: string): void;
}

/**
 * Asks the proxy at the other end of a connection to go on to `host:port`: by HTTP/1.1 CONNECT (RFC 9110 section 9.3.6),
 * or by a POST whose bodies are the connection.
 */
export function openTunnel(upstream: Socket, tunnel: TunnelConfig, events: TunnelEvents): void {
  const { authority, headers, postPath } = tunnel;
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const framing = new Framing();
  upstream.write(
    postPath === undefined
      ? `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${fields}\r\n`
      : `POST ${postPath} HTTP/1.1\r\nhost: ${authority}\r\n${fields}transfer-encoding: chunked\r\n\r\n`,
  );
  const head = new HeadBuffer(MAX_HEAD_BYTES);
  const onReadable = (): void => {
    for (;;) {
      const packet: Buffer | null = upstream.read();
      if (packet === null) return;
      const answer = readAnswer(head, packet, framing);
      if (answer === undefined) continue;
      upstream.off('readable', onReadable);
      upstream.off('end', onEnd);
      if (packet.length > head.next) upstream.unshift(packet.subarray(head.next));
      if (answer === 'accepted') {
        events.onOpen(postPath === undefined ? upstream : new PostTunnel(upstream, framing));
      } else events.onRefused(answer);
      return;
    }
  };
  const onEnd = (): void => events.onRefused('the proxy hung up before it answered');
  upstream.on('readable', onReadable);
  upstream.once('end', onEnd);
}

/** undefined while the head is not there as a whole. */
function readAnswer(head: HeadBuffer, packet: Buffer, framing: Framing): string | undefined {
  try {
    const text = head.take(packet, 0);
    if (text === undefined) return undefined;
    const { status } = parseResponseHead(text, framing, MAX_FIELDS);
    return status >= 200 && status < 300 ? 'accepted' : `the proxy answers with ${status}`;
  } catch (error) {
    return `the proxy's answer is not HTTP: ${messageOf(error)}`;
  }
}
