import { expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from './codec.js';

it('packs and unpacks an Any of a type that nobody has asked for before', () => {
  const type = 'type.googleapis.com/envoy.config.core.v3.TransportSocket';
  const inner = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
  const nested = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
  for (const typed_config of [{ '@type': inner }, { '@type': nested, sni: 'a.example' }]) {
    const message = { name: 'tls', typed_config };
    expect(decodeMessage(type, encodeMessage(type, message))).toEqual(message);
  }
});
