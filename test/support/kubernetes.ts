import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthenticationV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, loadAllYaml } from '@kubernetes/client-node';

/** Why there is no API server for tests here; undefined when there is one. */
export function whyNoKubernetes(): string | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '') {
    const missing = ['etcd', 'kube-apiserver'].filter((name) => !existsSync(join(assets, name)));
    return missing.length === 0 ? undefined : `KUBEBUILDER_ASSETS=${assets} has no ${missing.join(' and no ')}`;
  }
  if ((process.env['KUBECONFIG'] ?? '') !== '') return undefined;
  return 'neither KUBEBUILDER_ASSETS (a folder with etcd and kube-apiserver) nor KUBECONFIG is set';
}

/** For `describe.skipIf`; `say-without-kubernetes.ts` says why, once for all files. */
export function skipWithoutKubernetes(): boolean {
  return whyNoKubernetes() !== undefined;
}

/** Like `skipWithoutKubernetes`, for tests that stop and start the API server: they need one of their own. */
export function skipWithoutOwnApiServer(): boolean {
  return skipWithoutKubernetes() || (process.env['KUBEBUILDER_ASSETS'] ?? '') === '';
}

/** An API server for one test file: its own (KUBEBUILDER_ASSETS), or the one that KUBECONFIG names. */
export interface TestCluster {
  /** As an administrator. */
  readonly kubeConfig: KubeConfig;
  /** A file with the same, for processes. */
  readonly kubeconfigPath: string;
  /** Whether it belongs to this test alone, and may be stopped. */
  readonly owned: boolean;
  /** Creates or changes every object of a YAML text; waits until custom resource definitions are served. */
  apply(yaml: string): Promise<void>;
  /** Makes namespaces, and the account `default` in each where nothing else does. */
  createNamespaces(...names: string[]): Promise<void>;
  /** A token of a service account, which is made if it is not there. */
  token(namespace: string, account: string, options?: TokenOptions): Promise<string>;
  /** The configuration of somebody who has only a token. */
  configFor(token: string): KubeConfig;
  /** Kills the API server; `startAgain` gives the same one, with the same data, at the same port. */
  stopApiServer(): Promise<void>;
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

export interface TokenOptions {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  /** Binds the token to a pod, which must run under that account. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export async function startTestCluster(): Promise<TestCluster> {
  const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
  if (assets === '') {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromDefault();
    return new Cluster(kubeConfig, process.env['KUBECONFIG'] ?? '', undefined);
  }
  const server = await OwnApiServer.start(assets);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(server.kubeconfigPath);
  return new Cluster(kubeConfig, server.kubeconfigPath, server);
}

class Cluster implements TestCluster {
  readonly #server: OwnApiServer | undefined;

  constructor(
    readonly kubeConfig: KubeConfig,
    readonly kubeconfigPath: string,
    server: OwnApiServer | undefined,
  ) {
    this.#server = server;
  }

  get owned(): boolean {
    return this.#server !== undefined;
  }

  async apply(yaml: string): Promise<void> {
    const objects = loadAllYaml(yaml).filter((object) => object !== null && object !== undefined);
    const api = KubernetesObjectApi.makeApiClient(this.kubeConfig);
    for (const object of objects) {
      // A kind that was defined just now is not served at once.
      await eventually(() =>
        api.patch(object, undefined, undefined, 'weft-test', true, 'application/apply-patch+yaml'),
      );
    }
  }

  async createNamespaces(...names: string[]): Promise<void> {
    const core = this.kubeConfig.makeApiClient(CoreV1Api);
    for (const name of names) {
      await core.createNamespace({ body: { metadata: { name } } }).catch(unlessThere);
      await core
        .createNamespacedServiceAccount({ namespace: name, body: { metadata: { name: 'default' } } })
        .catch(unlessThere);
    }
  }

  async token(namespace: string, account: string, options: TokenOptions = {}): Promise<string> {
    const core = this.kubeConfig.makeApiClient(CoreV1Api);
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: account } } }).catch(unlessThere);
    const { audiences = [], expirationSeconds = 3600, pod } = options;
    const answer = await core.createNamespacedServiceAccountToken({
      name: account,
      namespace,
      body: {
        spec: {
          audiences: [...audiences],
          expirationSeconds,
          ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
        },
      },
    });
    return answer.status?.token ?? '';
  }

  configFor(token: string): KubeConfig {
    const config = new KubeConfig();
    const cluster = this.kubeConfig.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig has no current cluster');
    config.loadFromClusterAndUser(cluster, { name: 'token', token });
    return config;
  }

  async stopApiServer(): Promise<void> {
    await this.#own().stopApiServer();
  }

  async startAgain(): Promise<void> {
    await this.#own().startApiServer();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #own(): OwnApiServer {
    if (this.#server === undefined) throw new Error('this API server is not ours to stop');
    return this.#server;
  }
}

/** Whether somebody may do something: to check a role against the real authorizer. */
export async function whoAmI(config: KubeConfig): Promise<string> {
  const answer = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  return answer.status?.userInfo?.username ?? '';
}

/** etcd and kube-apiserver on free ports of loopback, with RBAC, in a folder of their own. */
class OwnApiServer {
  readonly kubeconfigPath: string;
  readonly #assets: string;
  readonly #folder: string;
  readonly #etcdPort: number;
  readonly #port: number;
  #etcd: ChildProcess | undefined;
  #apiServer: ChildProcess | undefined;
  readonly #killAll = (): void => {
    this.#apiServer?.kill('SIGKILL');
    this.#etcd?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };

  private constructor(assets: string, folder: string, [etcdPort, port]: readonly [number, number]) {
    this.#assets = assets;
    this.#folder = folder;
    this.#etcdPort = etcdPort;
    this.#port = port;
    this.kubeconfigPath = join(folder, 'kubeconfig');
  }

  static async start(assets: string): Promise<OwnApiServer> {
    const [etcdPort, peerPort, port] = await freePorts(3);
    if (etcdPort === undefined || peerPort === undefined || port === undefined) throw new Error('no free ports');
    const server = new OwnApiServer(assets, mkdtempSync(join(tmpdir(), 'weft-apiserver-')), [etcdPort, port]);
    process.once('exit', server.#killAll);
    try {
      server.#startEtcd(peerPort);
      const adminToken = server.#writeCredentials();
      await server.startApiServer();
      server.#writeKubeconfig(adminToken);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async startApiServer(): Promise<void> {
    const folder = this.#folder;
    this.#apiServer = this.#spawn('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${this.#etcdPort}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${this.#port}`,
      `--cert-dir=${join(folder, 'certs')}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=RBAC',
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${join(folder, 'sa.key')}`,
      `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
      '--allow-privileged=true',
      // Nobody makes accounts for namespaces here: there are no controllers.
      '--disable-admission-plugins=ServiceAccount',
    ]);
    await this.#ready();
  }

  async stopApiServer(): Promise<void> {
    await end(this.#apiServer);
    this.#apiServer = undefined;
  }

  async stop(): Promise<void> {
    await this.stopApiServer();
    await end(this.#etcd);
    process.removeListener('exit', this.#killAll);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #startEtcd(peerPort: number): void {
    const client = `http://127.0.0.1:${this.#etcdPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    this.#etcd = this.#spawn('etcd', [
      `--data-dir=${join(this.#folder, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ]);
  }

  #writeCredentials(): string {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
    writeFileSync(join(this.#folder, 'sa.key'), pem, { mode: 0o600 });
    const token = randomBytes(24).toString('hex');
    writeFileSync(join(this.#folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
    return token;
  }

  #writeKubeconfig(token: string): void {
    // The server has made a certificate for itself, and put its issuer behind it.
    const ca = readFileSync(join(this.#folder, 'certs', 'apiserver.crt')).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [
        { name: 'test', cluster: { server: `https://127.0.0.1:${this.#port}`, 'certificate-authority-data': ca } },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    };
    writeFileSync(this.kubeconfigPath, JSON.stringify(config), { mode: 0o600 });
  }

  async #ready(): Promise<void> {
    const child = this.#apiServer;
    const token = readFileSync(join(this.#folder, 'tokens.csv'), 'utf8').split(',')[0] ?? '';
    const deadline = Date.now() + 90_000;
    for (;;) {
      if (child === undefined || child.exitCode !== null) throw new Error(`kube-apiserver ended:\n${this.#logTail()}`);
      if (await isReady(this.#port, token)) return;
      if (Date.now() > deadline) throw new Error(`kube-apiserver is not ready:\n${this.#logTail()}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  #spawn(name: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.#folder, `${name}.log`), 'a');
    return spawn(join(this.#assets, name), args, { stdio: ['ignore', log, log] });
  }

  #logTail(): string {
    return readFileSync(join(this.#folder, 'kube-apiserver.log'), 'utf8').slice(-2_000);
  }
}

/** Before its certificate can be read nothing can be verified; only the status counts here. */
function isReady(port: number, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/readyz',
      rejectUnauthorized: false,
      timeout: 2_000,
      agent: false,
    };
    const call = request({ ...options, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('timeout', () => call.destroy(new Error('timeout')));
    call.on('error', () => resolve(false));
    call.end();
  });
}

function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    // Nothing of it is kept: there is no need to wait for open watches to end.
    child.kill('SIGKILL');
  });
}

/** Ports that are free together. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}

function unlessThere(error: unknown): void {
  if (statusOf(error) !== 409) throw error;
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** Repeats while the server says that it does not know the kind, or is not ready; for 30 seconds. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const status = statusOf(error);
      const soon =
        status === 404 ||
        status === 503 ||
        /unrecognized API version and kind|no matches for kind/i.test(String(error));
      if (!soon || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
