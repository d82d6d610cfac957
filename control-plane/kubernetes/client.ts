import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions, Agent as TlsAgent } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '../../common/runtime/errors.js';
import { ApiError, type ApiRequest, type KubernetesApi, type WatchEvent } from './api.js';
import { kubeConfigClass } from './kube-config.js';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** Idle connections end long before an API server ends them. */
const KEPT = { keepAlive: true, timeout: 20_000, maxFreeSockets: 32 };

/**
 * The few calls that the control plane makes besides its informers, by kubeconfig or from within a pod. A call is one
 * request: who calls decides about trying again.
 */
export class KubernetesClient implements KubernetesApi {
  private readonly plainAgent = new Agent(KEPT);
  private readonly tlsAgent = new TlsAgent(KEPT);

  constructor(
    readonly config: KubeConfig,
    private readonly userAgent: string,
  ) {}

  async request<T>(request: ApiRequest): Promise<T> {
    return this.answer(request, (text) => JSON.parse(text) as T);
  }

  /** The answer as it is: of what is no JSON, such as logs. Rejects with an {@link ApiError}. */
  text(request: ApiRequest): Promise<string> {
    return this.answer(request, (text) => text);
  }

  private async answer<T>(request: ApiRequest, read: (text: string) => T): Promise<T> {
    const { timeoutMs = TIMEOUT_MS } = request;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    const what = `${request.method} ${request.path}`;
    try {
      const response = await this.send(request, signal);
      const text = await readAll(response);
      const { statusCode = 0 } = response;
      if (statusCode < 200 || statusCode > 299)
        throw new ApiError(`${what}: ${reasonIn(text, statusCode)}`, statusCode);
      return read(text);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      const reason = deadline.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
      throw new ApiError(`${what}: ${reason}`, 0, error);
    }
  }

  async watch(
    request: Pick<ApiRequest, 'path' | 'query'>,
    signal: AbortSignal,
    onEvent: (event: WatchEvent) => void,
  ): Promise<void> {
    const what = `WATCH ${request.path}`;
    try {
      const query = { ...request.query, watch: 'true' };
      const response = await this.send({ method: 'GET', path: request.path, query }, signal);
      const { statusCode = 0 } = response;
      if (statusCode !== 200)
        throw new ApiError(`${what}: ${reasonIn(await readAll(response), statusCode)}`, statusCode);
      for await (const line of lines(response)) {
        if (signal.aborted) return;
        if (line !== '') onEvent(JSON.parse(line) as WatchEvent);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError) throw error;
      throw new ApiError(`${what}: ${messageOf(error)}`, 0, error);
    }
  }

  /** Resolves with the head of the answer. */
  private async send(request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const server = this.config.getCurrentCluster()?.server;
    if (server === undefined) throw new ApiError('the kubeconfig names no cluster', 0);
    const url = new URL(server.replace(/\/$/, '') + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    if (changesNothing(request)) this.reuse(options);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const contentType = request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = {
      ...options.headers,
      accept: 'application/json, */*',
      'user-agent': this.userAgent,
      ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': body.length }),
    };
    return new Promise((resolve, reject) => {
      const start = url.protocol === 'http:' ? httpRequest : httpsRequest;
      const call = start(url, { ...options, headers, method: request.method, signal }, resolve);
      call.on('error', (error: NodeJS.ErrnoException) => {
        // The server ended the connection while the call was on its way to it.
        if (!call.reusedSocket || error.code !== 'ECONNRESET' || signal.aborted) reject(error);
        else this.send(request, signal).then(resolve, reject);
      });
      call.end(body);
    });
  }

  /** The library's own agents open a connection for each call; its agents for proxies stay. */
  private reuse(options: RequestOptions): void {
    const kind: unknown = Object.getPrototypeOf(options.agent ?? {});
    if (kind === TlsAgent.prototype) options.agent = this.tlsAgent;
    else if (kind === Agent.prototype) options.agent = this.plainAgent;
  }
}

/** Such a call may be made twice. */
function changesNothing({ method, path, query }: ApiRequest): boolean {
  return method === 'GET' ? query?.['watch'] === undefined : method === 'POST' && path.endsWith('reviews');
}

/** Which cluster, and as whom. */
export interface ConnectOptions {
  /** Path of a kubeconfig, in place of the usual ones. */
  readonly kubeconfig?: string;
  /** A context of it, in place of its current one. */
  readonly context?: string;
}

/**
 * In a pod the pod's own account, otherwise KUBECONFIG. Throws an Error when the kubeconfig cannot be read or has no such
 * context. Loaded late: the library is large.
 */
export async function connectToKubernetes(userAgent: string, options: ConnectOptions = {}): Promise<KubernetesClient> {
  const KubeConfig = await kubeConfigClass();
  const config = new KubeConfig();
  if (options.kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(options.kubeconfig);
  const { context } = options;
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      const known = config.getContexts().map(({ name }) => name);
      throw new Error(`the kubeconfig has no context ${context}; there are: ${known.join(', ') || 'none'}`);
    }
    config.setCurrentContext(context);
  }
  return new KubernetesClient(config, userAgent);
}

/** Lines as they become complete. Not `readline`: the error of a connection that breaks off would be nobody's, and end the process. */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const [first = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    parts.push(first);
    for (const next of more) {
      yield parts.join('');
      parts = [next];
    }
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The message of a Kubernetes Status object. */
function reasonIn(text: string, statusCode: number): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string' && message !== '') return `${message} (${statusCode})`;
  } catch {
    // Something else than an API server answers.
  }
  return `status ${statusCode}`;
}
