import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../../common/runtime/clock.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import { Lifecycle } from '../../common/runtime/lifecycle.js';
import { createLogger } from '../../common/runtime/log.js';
import { CaClient } from '../../proxy/tls/ca-client.js';
import { caService } from '../../proxy/tls/ca-service.js';
import { SecretStore } from '../../proxy/tls/secrets.js';
import { SDS_SERVICE, SecretServer } from '../../proxy/workload-api/sds.js';
import { UsageError } from '../command.js';
import { getJson } from '../mesh/http.js';
import { locateControlPlane } from '../mesh/locate.js';
import { findWorkload, type WorkloadListing } from '../mesh/workloads.js';
import { envoyBootstrap, type SidecarBootstrap, xdsAddress } from './bootstrap.js';
import { runEnvoy } from './envoy.js';
import { AdsRelay, RELAYED_SERVICE } from './relay.js';

export interface AgentOptions {
  readonly workload: string;
  readonly stateDirectory: string;
  /** Program to start on the bootstrap; undefined only prints where it is. */
  readonly envoy: string | undefined;
}

/** Runs the agent of one workload until a signal, or until the Envoy that it started ends. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const signalled = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
    if (process.connected) process.once('disconnect', () => done());
  });
  const lifecycle = new Lifecycle();
  try {
    const bootstrapPath = await startAgent(options, lifecycle);
    process.stdout.write(`${bootstrapPath}\n`);
    if (options.envoy === undefined) await signalled;
    else await runEnvoy(options.envoy, bootstrapPath, signalled);
  } finally {
    await lifecycle.close();
  }
}

/** Throws a UsageError that says what to do when the control plane does not answer or the workload has no sidecar. */
async function askForBootstrap({ stateDirectory, workload }: AgentOptions): Promise<SidecarBootstrap> {
  const { debugUrl } = locateControlPlane(stateDirectory);
  let found: WorkloadListing;
  try {
    found = await findWorkload(stateDirectory, workload);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    throw new UsageError(
      `the control plane of ${stateDirectory} does not answer (${messageOf(error)}). Start it again with \`weft demo\` or \`weft control-plane\`.`,
    );
  }
  const { name, namespace, sidecar } = found;
  if (sidecar === undefined) throw new UsageError(`${namespace}/${name} has no sidecar: nothing for an agent to do`);
  const query = encodeURIComponent(`${namespace}/${name}`);
  return getJson<SidecarBootstrap>(`${debugUrl}/debug/bootstrap?workload=${query}`);
}

export async function startAgent(options: AgentOptions, lifecycle: Lifecycle): Promise<string> {
  return serveAgent(await askForBootstrap(options), tmpdir(), lifecycle);
}

/** Serves SDS and ADS on a socket below `base` and resolves with the path of the bootstrap that points there. */
export async function serveAgent(sidecar: SidecarBootstrap, base: string, lifecycle: Lifecycle): Promise<string> {
  const log = createLogger('agent');
  const { metadata } = sidecar.node;

  // Short, for the path of a socket may have about a hundred characters only; 0700 by mkdtemp.
  const folder = await mkdtemp(join(base, 'weft-agent-'));
  lifecycle.add('folder', () => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'agent.sock');

  const secrets = new SecretStore();
  const certificates = new CaClient({
    identity: {
      trustDomain: metadata.TRUST_DOMAIN,
      namespace: metadata.NAMESPACE,
      serviceAccount: metadata.SERVICE_ACCOUNT,
    },
    ttlSeconds: metadata.CERT_TTL_SECONDS,
    ...(metadata.CERT_KEY !== undefined && { keyKind: metadata.CERT_KEY }),
    request: caService({
      address: metadata.CA_ADDR,
      rootsPath: metadata.CA_ROOT_CERT,
      tokenPath: metadata.TOKEN_PATH,
    }),
    secrets,
    clock: systemClock,
    random: Math.random,
    log,
  });
  lifecycle.add('certificate', () => certificates.stop());
  certificates.start();

  const relay = new AdsRelay({
    xdsAddress: xdsAddress(sidecar),
    rootsPath: metadata.CA_ROOT_CERT,
    tokenPath: metadata.TOKEN_PATH,
  });
  lifecycle.add('relay', () => relay.close());
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(SDS_SERVICE, new SecretServer(secrets).handlers());
  server.addService(RELAYED_SERVICE, relay.handlers());
  lifecycle.add('socket', () => server.forceShutdown());
  await new Promise<void>((done, fail) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? done() : fail(error),
    );
  });

  const bootstrapPath = join(folder, 'bootstrap.json');
  await writeFile(bootstrapPath, `${JSON.stringify(envoyBootstrap(sidecar, socketPath), undefined, 2)}\n`, {
    mode: 0o600,
  });
  return bootstrapPath;
}
