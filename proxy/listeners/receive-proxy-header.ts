import type { Socket } from 'node:net';
import type { ProxyProtocolConfig } from './config.js';
import type { Origin } from './connection-info.js';
import { type Peeked, type PeekOptions, peek } from './peek.js';
import { readProxyHeader } from './proxy-protocol.js';

export type ReceivedHeader =
  | { readonly kind: 'origin'; readonly origin: Origin }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'silent' };

/** Takes the PROXY header off a paused socket (envoy.filters.listener.proxy_protocol). */
export function receiveProxyHeader(
  socket: Socket,
  config: ProxyProtocolConfig,
  options: PeekOptions,
  done: (result: ReceivedHeader) => void,
): void {
  const look = (bytes: Buffer): Peeked<ReceivedHeader> | undefined => {
    const header = readProxyHeader(bytes);
    switch (header.kind) {
      case 'incomplete':
        return undefined;
      case 'malformed':
        return { result: { kind: 'refused', reason: header.reason }, consumed: 0 };
      case 'none':
        return config.optional
          ? { result: { kind: 'origin', origin: {} }, consumed: 0 }
          : { result: { kind: 'refused', reason: 'no PROXY header' }, consumed: 0 };
      case 'header':
        return config.versions.has(header.version)
          ? { result: { kind: 'origin', origin: header.origin }, consumed: header.length }
          : { result: { kind: 'refused', reason: `PROXY version ${header.version} is not allowed` }, consumed: 0 };
    }
  };
  peek(socket, options, look, (result) => done(result === 'silent' ? { kind: 'silent' } : result));
}
