import { privateKeyPem } from '../../common/identity/keys.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { isConflict, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import { Mirror, pause } from '../kubernetes/mirror.js';
import type { Authority } from './authority.js';
import { type AuthorityFiles, readPluggedAuthority, readRootAuthority } from './plugged-authority.js';
import { makeRoot } from './root.js';

/** Istio's name for an authority that the user brings. */
export const PLUGGED_SECRET = 'cacerts';
export const ROOT_SECRET = 'weft-ca-secret';
const RETRY_MS = 5000;

export interface ClusterAuthorityOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** For the subject of a root that is made here. */
  readonly organization: string;
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
export class ClusterAuthority {
  private readonly plugged: Mirror<AuthorityFiles>;
  private readonly root: Mirror<AuthorityFiles>;
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

  private get listed(): boolean {
    return this.plugged.listed && this.root.listed;
  }

  private mirror(name: string): Mirror<AuthorityFiles> {
    const { api, namespace, clock, random, log } = this.options;
    const look = (): void => this.look();
    return new Mirror({
      api,
      path: `/api/v1/namespaces/${namespace}/secrets`,
      query: { fieldSelector: `metadata.name=${name}` },
      keep: filesOf,
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
    const root = this.root.get(`${namespace}/${ROOT_SECRET}`);
    if (plugged !== undefined) this.take(PLUGGED_SECRET, plugged, readPluggedAuthority);
    else if (this.current?.source === this.sourceOf(PLUGGED_SECRET)) this.missed(PLUGGED_SECRET);
    else if (root !== undefined) this.take(ROOT_SECRET, root, readRootAuthority);
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
      const { subject, validTo } = authority.certificate;
      log.info({ source: authority.source, subject, validTo }, 'certificates are signed by this authority');
      onAuthority(authority);
    } catch (error) {
      this.trouble = messageOf(error);
      log.error({ reason: this.trouble, inForce: this.current?.source ?? 'none' }, 'the authority cannot be used');
    }
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
    const { namespace, organization, clock } = this.options;
    const { current } = this;
    const { privateKey, pem } =
      current === undefined
        ? await makeRoot(organization, clock)
        : { privateKey: current.privateKey, pem: current.roots };
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: ROOT_SECRET, namespace, labels: { 'app.kubernetes.io/managed-by': 'weft-control-plane' } },
      type: 'istio.io/ca-root',
      data: { 'ca-cert.pem': base64(pem), 'ca-key.pem': base64(privateKeyPem(privateKey)) },
    };
  }

  private sourceOf(name: string): string {
    return `Secret ${this.options.namespace}/${name}`;
  }
}

function filesOf(object: KubernetesObject): AuthorityFiles {
  const { data = {} } = object as { data?: Readonly<Record<string, string>> };
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
