import type { AddressInfo, Server } from 'node:net';
import { exchangeBodies } from './bodies.js';
import { serveBytes } from './exchange.js';
import { fanOut } from './fan-out.js';
import { callGrpc, serveGrpc } from './grpc.js';
import { shakeHands } from './handshakes.js';
import { callHosts } from './hosts.js';
import { closeIdle, openIdle } from './idle.js';
import { answerOrders } from './orders.js';

/** What the process of load generator and application can be told to do, one thing at a time. */
const JOBS = {
  'serve bytes': async (bytes: number) => portOf(await serveBytes(bytes)),
  'serve bytes everywhere': async (bytes: number) => portOf(await serveBytes(bytes, '0.0.0.0')),
  'serve grpc': async (streamed: number) => portOf(await serveGrpc(streamed)),
  grpc: callGrpc,
  handshakes: shakeHands,
  'open idle': openIdle,
  'close idle': async () => closeIdle(),
  'fan out': fanOut,
  bodies: exchangeBodies,
  hosts: callHosts,
};

export type Jobs = typeof JOBS;
export type JobName = keyof Jobs;
export type Order<Name extends JobName> = Parameters<Jobs[Name]>[0];
export type Outcome<Name extends JobName> = Awaited<ReturnType<Jobs[Name]>>;

export interface JobOrder {
  readonly job: JobName;
  readonly order: unknown;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

answerOrders({}, ({ job, order }: JobOrder) => (JOBS[job] as (order: unknown) => Promise<unknown>)(order));
