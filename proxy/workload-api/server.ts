import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Counters } from '../../common/runtime/counters.js';
import type { Logger } from '../../common/runtime/log.js';
import type { SecretStore } from '../tls/secrets.js';
import { WORKLOAD_API } from './messages.js';
import type { PeerUid } from './peer-credentials.js';
import { SDS_SERVICE, SecretServer } from './sds.js';
import { WorkloadApi } from './service.js';

/** Where the workload's identity is to be had, and for which users of this machine. */
export interface WorkloadApiSettings {
  readonly socketPath: string;
  /** `any`: whoever can open the socket. */
  readonly uids: ReadonlySet<number> | 'any';
}

export interface WorkloadApiOptions extends WorkloadApiSettings {
  readonly secrets: SecretStore;
  readonly peerUid: PeerUid;
  readonly counters: Counters;
  readonly log: Logger;
}

const MAX_CONNECTIONS = 256;
const LIMITS = { 'grpc.max_concurrent_streams': 32, 'grpc.max_receive_message_length': 64 * 1024 };

/**
 * Serves the SPIFFE Workload API and Envoy's SDS on a Unix socket. The kernel says who connects; users that are not listed get
 * PERMISSION_DENIED for everything. Rejects when the path is taken by something that is no socket of ours.
 */
export async function startWorkloadApi(options: WorkloadApiOptions): Promise<{ close(): Promise<void> }> {
  const { secrets, socketPath } = options;
  const serving = new Server(LIMITS);
  serving.addService(WORKLOAD_API, new WorkloadApi(secrets).handlers());
  const sds = new SecretServer(secrets);
  serving.addService(SDS_SERVICE, sds.handlers());
  const refusing = new Server(LIMITS);
  refusing.addService(WORKLOAD_API, refusal(WORKLOAD_API));
  refusing.addService(SDS_SERVICE, refusal(SDS_SERVICE));
  const credentials = ServerCredentials.createInsecure();
  const allowed = serving.createConnectionInjector(credentials);
  const denied = refusing.createConnectionInjector(credentials);
  const sockets = createServer((socket) => {
    socket.on('error', () => undefined);
    (isAllowed(socket, options) ? allowed : denied).injectConnection(socket);
  });
  sockets.maxConnections = MAX_CONNECTIONS;
  await listen(sockets, socketPath);
  return {
    close: async () => {
      sds.close();
      serving.forceShutdown();
      refusing.forceShutdown();
      allowed.destroy();
      denied.destroy();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}

function isAllowed(socket: Socket, { uids, peerUid, counters, log }: WorkloadApiOptions): boolean {
  const uid = peerUid(socket);
  if (uids === 'any' || (uid !== undefined && uids.has(uid))) return true;
  counters.get('workload_api.refused').increment();
  log.warn({ uid }, 'a user that is not allowed to asked for the workload’s identity');
  return false;
}

function refusal(service: object): UntypedServiceImplementation {
  const refuse = (call: { emit(event: 'error', error: object): boolean }): void => {
    call.emit('error', { code: status.PERMISSION_DENIED, details: 'this user may not have the workload’s identity' });
  };
  return Object.fromEntries(Object.keys(service).map((name) => [name, refuse]));
}

/** A socket that a proxy left behind when it was killed is in the way; one that answers is somebody's. */
async function listen(server: NetServer, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined) {
    if (!there.isSocket()) throw new Error(`${path} is there already, and is no socket`);
    if (await answers(path)) throw new Error(`somebody else listens at ${path}`);
    await unlink(path);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  // The check is by user, after the connection is made.
  await chmod(path, 0o666);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
