import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Forwarder } from './forwarder.js';
import { answerOf, failure, RCODE, readQuery } from './message.js';
import type { Names } from './names.js';
import type { DnsStatistics } from './statistics.js';
import { FrameReader, frame } from './tcp-frames.js';

export interface DnsServerOptions {
  /** IP addresses to listen on; those of a family that this machine has not are left out. */
  readonly hosts: readonly string[];
  /** 0 takes a free one. */
  readonly port: number;
  readonly names: Names;
  readonly forwarder: Forwarder;
  readonly statistics: DnsStatistics;
  readonly log: Logger;
}

export interface DnsServer {
  readonly port: number;
  close(): void;
}

const MAX_CONNECTIONS = 64;
/** Queries of one connection that wait for their answers; more than that are not read. */
const MAX_PIPELINED = 32;
const IDLE_MS = 10_000;

/** A free TCP port may be taken for UDP. */
const ATTEMPTS = 5;

/** The workload's name server, over UDP and TCP. Rejects when no address can be had. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenEverywhere(options);
    } catch (error) {
      if (options.port !== 0 || attempt === ATTEMPTS) throw error;
    }
  }
}

async function listenEverywhere(options: DnsServerOptions): Promise<DnsServer> {
  const udp: UdpSocket[] = [];
  const tcp: Server[] = [];
  const close = (): void => {
    for (const socket of udp) socket.close();
    for (const server of tcp) server.close();
  };
  let port = options.port;
  let reason = 'no address';
  for (const host of options.hosts) {
    try {
      const server = await listenTcp(options, host, port);
      tcp.push(server);
      const address = server.address();
      if (address !== null && typeof address === 'object') port = address.port;
      udp.push(await listenUdp(options, host, port));
    } catch (error) {
      reason = messageOf(error);
      // Most machines have no IPv6; an address that is taken is another matter.
      if (!/EADDRNOTAVAIL|EAFNOSUPPORT/.test(reason)) {
        close();
        throw new Error(`DNS proxy: ${reason}`);
      }
    }
  }
  if (udp.length === 0) {
    close();
    throw new Error(`DNS proxy: ${reason}`);
  }
  return { port, close };
}

/** The answer to a message; undefined where none is due. */
async function respond(options: DnsServerOptions, bytes: Buffer, udp: boolean): Promise<Buffer | undefined> {
  const { names, forwarder, statistics } = options;
  const query = readQuery(bytes);
  if (query === undefined) {
    statistics.malformed++;
    return undefined;
  }
  statistics.requests++;
  // Until the mesh's names are known, "no such host" could be wrong.
  if (!names.known) return failure(query, RCODE.serverFailure);
  if (query.type === 'A' || query.type === 'AAAA') {
    const found = names.find(query.name);
    if (found !== undefined) return answerOf(query, found, udp);
  }
  return (await forwarder.forward(bytes, udp ? 'udp' : 'tcp')) ?? failure(query, RCODE.serverFailure);
}

function listenUdp(options: DnsServerOptions, host: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(isIPv6(host) ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
  socket.on('message', (bytes, from) => {
    respond(options, bytes, true).then(
      (answer) => {
        // A client that has gone is nobody's fault.
        if (answer !== undefined) socket.send(answer, from.port, from.address, () => {});
      },
      (error: unknown) => options.log.warn({ reason: messageOf(error) }, 'DNS query failed'),
    );
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      socket.on('error', (error) => options.log.warn({ reason: messageOf(error) }, 'DNS socket'));
      resolve(socket);
    });
  });
}

function listenTcp(options: DnsServerOptions, host: string, port: number): Promise<Server> {
  const server = createServer((socket) => serveConnection(options, socket));
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: true }, () => {
      server.off('error', reject);
      server.on('error', (error) => options.log.warn({ reason: messageOf(error) }, 'DNS listener'));
      resolve(server);
    });
  });
}

function serveConnection(options: DnsServerOptions, socket: Socket): void {
  const reader = new FrameReader();
  let waiting = 0;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    for (const message of reader.read(chunk)) {
      waiting++;
      respond(options, message, false).then(
        (answer) => {
          waiting--;
          if (answer === undefined) socket.destroy();
          else if (!socket.destroyed) socket.write(frame(answer));
          if (waiting < MAX_PIPELINED) socket.resume();
        },
        () => socket.destroy(),
      );
    }
    if (waiting >= MAX_PIPELINED) socket.pause();
  });
}
