import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { formatFlags } from '../http/flags.js';
import { type ConnectionInfo, PLAINTEXT_PEER, type StreamInfo } from '../http/stream-info.js';
import { ConnectionLog } from './connection-log.js';

const connection: ConnectionInfo = {
  id: 1,
  localAddress: '127.0.0.1:1',
  localIp: '127.0.0.1',
  localPort: 1,
  remoteAddress: '127.0.0.1:2',
  remoteIp: '127.0.0.1',
  remotePort: 2,
  peer: PLAINTEXT_PEER,
};

function logged(during: (log: ConnectionLog) => void): StreamInfo[] {
  const lines: StreamInfo[] = [];
  const socket = Object.assign(new EventEmitter(), { bytesRead: 5, bytesWritten: 7 }) as unknown as Socket;
  during(new ConnectionLog(socket, connection, [{ log: (info) => lines.push(info) }], systemClock));
  expect(lines).toEqual([]);
  socket.emit('close');
  return lines;
}

describe('the access log of a listener', () => {
  it('has one line a connection, with its bytes and its peer', () => {
    const secured = { ...connection, peer: { ...PLAINTEXT_PEER, mtls: true } };
    expect(logged((log) => log.secured(secured))).toMatchObject([
      { bytesReceived: 5, bytesSent: 7, flags: 0, connection: secured },
    ]);
  });

  it('says NR where no filter chain took the connection', () => {
    const [info] = logged((log) => log.refused('filter_chain_not_found', true));
    expect(info?.responseCodeDetails).toBe('filter_chain_not_found');
    expect(formatFlags(info?.flags ?? 0)).toBe('NR');
  });

  it('says why a handshake failed', () => {
    const [info] = logged((log) => log.refused('no certificate', false));
    expect(info).toMatchObject({ flags: 0, connectionTerminationDetails: 'no certificate' });
  });
});
