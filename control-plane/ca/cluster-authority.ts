import { privateKeyPem } from '../../common/identity/keys.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { pause } from '../../common/runtime/pause.js';
import { isConflict, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import { Mirror } from '../kubernetes/mirror.js';
import type { Authority } from './authority.js';
import { type AuthorityFiles, readPluggedAuthority, readRootAuthority } from './plugged-authority.js';
import { makeRoot, type RootOptions } from './root.js';
import { authorityOf, filesOf, type RootState, stateOf } from './root-state.js';
import type { RootStore } from './rotation.js';
import { type NamedRequest, readRequest } from './rotation-requests.js';

/** Istio's name for an authority that the user brings. */
export const PLUGGED_SECRET = 'cacerts';
export const ROOT_SECRET = 'weft-ca-secret';
/** On the Secret of the root: what `weft ca rotate-root` asks for, as JSON. */
export const REQUEST_ANNOTATION = 'weft/rotate-root';
const RETRY_MS = 5000;

export interface ClusterAuthorityOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** For the subject of a root that is made here. */
  readonly organization: string;
  /** Of a root that is made here. */
  readonly root?: Omit<RootOptions, 'organization'>;
  /** Called, where this process leads, with what a user has asked for on the Secret of the root. */
  readonly onRequest?: (request: NamedRequest) => Promise<void>;
  /** Called with the first authority, and with each that takes its place. */
  readonly onAuthority: (authority: Authority) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * The authority of a cluster: the Secret `cacerts` where there is one, otherwise `weft-ca-secret`, which the leader makes
 * once. All replicas watch both. A Secret that cannot be used, or that is taken away, leaves the authority in force.
 */
export class ClusterAuthority implements RootStore {
  private readonly plugged: Mirror<KeptSecret>;
  private readonly root: Mirror<KeptSecret>;
  /** The roots as they were last good, for when somebody deletes them. */
  private state: RootState | undefined;
  /** What this process has written and the watch has not brought yet. */
  private written: KeptSecret | undefined;
  private current: Authority | undefined;
  /** What was looked at last, so that nothing is told twice. */
  private seen = '';
  private leading: AbortSignal | undefined;
  private storing = false;
  private trouble = '';

  constructor(private readonly options: ClusterAuthorityOptions) {
    this.plugged = this.mirror(PLUGGED_SECRET);
    this.root = this.mirror(ROOT_SECRET);
  }

  /** Why there is no authority yet, or why the newest Secret is not used; empty when all is well. */
  get problem(): string {
    if (this.trouble !== '') return this.trouble;
    if (this.current !== undefined) return '';
    return this.listed
      ? `waiting for the leader to make the Secret ${ROOT_SECRET}`
      : 'the Secrets of the CA have not been read';
  }

  /** Watches until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.plugged.run(signal), this.root.run(signal)]);
  }

  /** From now until `signal` aborts, this process makes the root where there is none. */
  lead(signal: AbortSignal): void {
    this.leading = signal;
    this.look();
  }

  read(): RootState | undefined {
    if (!this.listed || this.current?.source !== this.sourceOf(ROOT_SECRET)) return undefined;
    const files = this.rootSecret()?.files;
    return files === undefined ? undefined : stateOf(files);
  }

  async write(next: RootState): Promise<void> {
    const { api, namespace, clock } = this.options;
    const secret = this.rootSecret();
    if (secret === undefined) throw new Error(`the Secret ${ROOT_SECRET} is not there`);
    authorityOf(next, this.sourceOf(ROOT_SECRET), clock.now());
    const object = await api.request<KubernetesObject>({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/secrets/${ROOT_SECRET}`,
      // Whoever was faster wins; the next look begins with what they wrote.
      body: { metadata: { resourceVersion: secret.version }, data: dataOf(filesOf(next)) },
    });
    this.written = keptSecret(object);
    this.look();
  }

  /** What we wrote ourselves counts until the watch has it. */
  private rootSecret(): KeptSecret | undefined {
    const seen = this.root.get(`${this.options.namespace}/${ROOT_SECRET}`);
    if (this.written === undefined || seen === undefined) return seen;
    return Number(this.written.version) > Number(seen.version) ? this.written : seen;
  }

  private get listed(): boolean {
    return this.plugged.listed && this.root.listed;
  }

  private mirror(name: string): Mirror<KeptSecret> {
    const { api, namespace, clock, random, log } = this.options;
    const look = (): void => this.look();
    return new Mirror({
      api,
      collection: { plural: 'secrets', namespace, name },
      keep: keptSecret,
      onChange: look,
      onListed: look,
      clock,
      random,
      log,
    });
  }

  private look(): void {
    if (!this.listed) return;
    const { namespace } = this.options;
    const plugged = this.plugged.get(`${namespace}/${PLUGGED_SECRET}`);
    const root = this.rootSecret();
    if (root !== undefined) this.asked(root);
    if (plugged !== undefined) this.take(PLUGGED_SECRET, plugged.files, readPluggedAuthority);
    else if (this.current?.source === this.sourceOf(PLUGGED_SECRET)) this.missed(PLUGGED_SECRET);
    else if (root !== undefined) this.take(ROOT_SECRET, root.files, readRootAuthority);
    else void this.store();
  }

  private take(name: string, files: AuthorityFiles, read: typeof readPluggedAuthority): void {
    const content = JSON.stringify([name, files]);
    if (content === this.seen) return;
    this.seen = content;
    const { clock, log, onAuthority } = this.options;
    try {
      const authority = read(files, this.sourceOf(name), clock.now());
      this.trouble = '';
      this.current = authority;
      if (name === ROOT_SECRET) this.state = stateOf(files);
      const { subject, validTo } = authority.certificate;
      log.info({ source: authority.source, subject, validTo }, 'certificates are signed by this authority');
      onAuthority(authority);
    } catch (error) {
      this.trouble = messageOf(error);
      log.error({ reason: this.trouble, inForce: this.current?.source ?? 'none' }, 'the authority cannot be used');
    }
  }

  /** The leader carries out what was asked, and takes the question away. */
  private asked({ request }: KeptSecret): void {
    const { leading } = this;
    const { onRequest, api, namespace, log } = this.options;
    const named = request === undefined ? undefined : readRequest(request);
    if (request === undefined || leading === undefined || leading.aborted || onRequest === undefined) return;
    const answered = named === undefined ? Promise.resolve() : onRequest(named);
    answered
      .then(() =>
        api.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/${namespace}/secrets/${ROOT_SECRET}`,
          body: { metadata: { annotations: { [REQUEST_ANNOTATION]: null } } },
          signal: leading,
        }),
      )
      .catch((error: unknown) => {
        if (!leading.aborted) log.warn({ reason: messageOf(error) }, 'could not answer a request about the root');
      });
  }

  private missed(name: string): void {
    if (this.seen === '') return;
    this.seen = '';
    this.options.log.warn(
      { source: this.sourceOf(name) },
      'the authority was taken away; it stays in force until this process starts again',
    );
  }

  /** Makes the root, or puts it back when somebody deleted it: another one would cut off all who trust it. */
  private async store(): Promise<void> {
    const { leading } = this;
    if (leading === undefined || leading.aborted || this.storing) return;
    this.storing = true;
    const { api, namespace, clock, log } = this.options;
    try {
      const body = await this.secret();
      if (leading.aborted) return;
      await api.request({ method: 'POST', path: `/api/v1/namespaces/${namespace}/secrets`, body, signal: leading });
      log.info({ source: this.sourceOf(ROOT_SECRET) }, 'stored the root of the mesh');
    } catch (error) {
      // Somebody else's root is as good: the watch brings it.
      if (isConflict(error) || leading.aborted) return;
      log.error({ reason: messageOf(error) }, 'could not store the root of the mesh');
      await pause(clock, RETRY_MS, leading);
    } finally {
      this.storing = false;
      if (!leading.aborted && this.root.get(`${namespace}/${ROOT_SECRET}`) === undefined) {
        clock.after(RETRY_MS, () => this.look());
      }
    }
  }

  private async secret(): Promise<object> {
    const { namespace, organization, root, clock } = this.options;
    const { current, state } = this;
    const made = current === undefined ? await makeRoot({ organization, ...root }, clock) : undefined;
    const { privateKey, pem } = made ?? { privateKey: current?.privateKey, pem: current?.roots ?? '' };
    const signer = { certificate: pem, privateKey: privateKey === undefined ? '' : privateKeyPem(privateKey) };
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: ROOT_SECRET, namespace, labels: { 'app.kubernetes.io/managed-by': 'weft-control-plane' } },
      type: 'istio.io/ca-root',
      data: Object.fromEntries(
        Object.entries(dataOf(filesOf(state ?? { signer }))).filter(([, value]) => value !== null),
      ),
    };
  }

  private sourceOf(name: string): string {
    return `Secret ${this.options.namespace}/${name}`;
  }
}

interface KeptSecret {
  readonly files: AuthorityFiles;
  readonly version: string;
  readonly request: string | undefined;
}

function keptSecret(object: KubernetesObject): KeptSecret {
  const { data = {}, metadata } = object as KubernetesObject & { data?: Readonly<Record<string, string>> };
  return {
    files: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    ),
    version: metadata?.resourceVersion ?? '',
    request: metadata?.annotations?.[REQUEST_ANNOTATION],
  };
}

/** As a merge patch wants it: null takes a key away. */
function dataOf(files: AuthorityFiles): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(files).map(([key, text]) => [key, text === undefined ? null : Buffer.from(text).toString('base64')]),
  );
}
