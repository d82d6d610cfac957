import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesClient } from '../client.js';

interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
}

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly path: string;
  readonly object: Stored;
}

interface OpenWatch {
  readonly path: string;
  readonly name: string | undefined;
  readonly response: ServerResponse;
  /** Half open: nothing comes any more, and nobody says so. */
  muted: boolean;
}

/** `/apis/networking.istio.io/v1/virtualservices`, without any namespace. */
export type Collection = string;

/** An API server as far as lists and watches go, over real HTTP, with its failures. */
export class FakeApiServer {
  /** Requests so far: `LIST path` and `WATCH path`, with what followed `resourceVersion=` or `continue=`. */
  readonly requests: string[] = [];
  readonly #objects = new Map<Collection, Map<string, Stored>>();
  readonly #forbidden = new Set<Collection>();
  #changes: Change[] = [];
  readonly #watches = new Set<OpenWatch>();
  #version = 100;
  /** Watches from before it are refused. */
  #compacted = 0;
  #continueExpires = false;
  #port = 0;
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Drops every connection; `start` takes the same port again. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#watches.clear();
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  client(): KubernetesClient {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'fake', server: `http://127.0.0.1:${this.#port}`, skipTLSVerify: true },
      { name: 'nobody' },
    );
    return new KubernetesClient(config, 'test');
  }

  /** Serves a collection from now on. */
  define(...collections: Collection[]): void {
    for (const path of collections) if (!this.#objects.has(path)) this.#objects.set(path, new Map());
  }

  /** Ends a collection with everything in it, as deleting a CustomResourceDefinition does. */
  undefine(path: Collection): void {
    this.#objects.delete(path);
    this.cut(path);
  }

  forbid(path: Collection): void {
    this.#forbidden.add(path);
  }

  allow(path: Collection): void {
    this.#forbidden.delete(path);
  }

  put(path: Collection, object: Stored): void {
    const collection = this.#objects.get(path);
    if (collection === undefined) throw new Error(`${path} is not defined`);
    const key = keyOf(object);
    const before = collection.get(key);
    this.#version++;
    const stored = {
      ...object,
      metadata: {
        uid: before?.metadata['uid'] ?? `uid-${this.#version}`,
        managedFields: [{ manager: 'somebody', fieldsV1: { 'f:spec': {} } }],
        ...object.metadata,
        resourceVersion: String(this.#version),
      },
    };
    collection.set(key, stored);
    this.#publish({ version: this.#version, type: before === undefined ? 'ADDED' : 'MODIFIED', path, object: stored });
  }

  delete(path: Collection, namespace: string, name: string): void {
    const collection = this.#objects.get(path);
    const key = `${namespace}/${name}`;
    const object = collection?.get(key);
    if (collection === undefined || object === undefined) throw new Error(`${key} is not in ${path}`);
    collection.delete(key);
    this.#version++;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#publish({ version: this.#version, type: 'DELETED', path, object: last });
  }

  /** Forgets all changes so far: who watches from before has to list again. */
  compact(): void {
    this.#compacted = this.#version;
    this.#changes = [];
  }

  /** Ends the watches of a collection, or all; with a status, by an ERROR event. */
  cut(path?: Collection, code?: number): void {
    for (const watch of [...this.#watches]) {
      if (path !== undefined && watch.path !== path) continue;
      this.#watches.delete(watch);
      if (code !== undefined) write(watch.response, { type: 'ERROR', object: status(code) });
      watch.response.end();
    }
  }

  /** The connections of a collection's watches stay open, and nothing comes over them. */
  mute(path: Collection): void {
    for (const watch of this.#watches) if (watch.path === path) watch.muted = true;
  }

  /** Sends the present version to all watches. */
  bookmark(): void {
    for (const { response, muted } of this.#watches) {
      const object = { metadata: { resourceVersion: String(this.#version) } };
      if (!muted) write(response, { type: 'BOOKMARK', object });
    }
  }

  /** The next request for a further page is told that it comes too late. */
  expireContinue(): void {
    this.#continueExpires = true;
  }

  watching(path: Collection): number {
    return [...this.#watches].filter((watch) => watch.path === path && !watch.muted).length;
  }

  #publish(change: Change): void {
    this.#changes.push(change);
    for (const watch of this.#watches) this.#tell(watch, change);
  }

  #tell({ path, name, response, muted }: OpenWatch, { type, path: changed, object }: Change): void {
    if (muted || path !== changed || (name !== undefined && name !== keyOf(object))) return;
    write(response, { type, object });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const namespace = /\/namespaces\/([^/]+)\//.exec(url.pathname)?.[1];
    const path = url.pathname.replace(/\/namespaces\/[^/]+(?=\/)/, '');
    const wanted = /^metadata\.name=(.+)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
    const name = wanted === undefined ? undefined : `${namespace ?? ''}/${wanted}`;
    const watch = url.searchParams.get('watch') === 'true';
    const position = url.searchParams.get(watch ? 'resourceVersion' : 'continue') ?? '';
    this.requests.push(`${watch ? 'WATCH' : 'LIST'} ${path}${position === '' ? '' : ` ${position}`}`);
    const collection = this.#objects.get(path);
    if (this.#forbidden.has(path)) fail(response, 403);
    else if (collection === undefined) fail(response, 404);
    else if (watch) this.#watch({ path, name, response, muted: false }, Number(position));
    else {
      const all = [...collection.values()].filter((object) => name === undefined || keyOf(object) === name);
      this.#list(all, url.searchParams, response);
    }
  }

  #list(all: readonly Stored[], query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('continue') ?? 0);
    if (from > 0 && this.#continueExpires) {
      this.#continueExpires = false;
      fail(response, 410);
      return;
    }
    const limit = Number(query.get('limit') ?? all.length);
    const items = all.slice(from, from + limit).map(({ apiVersion, kind, ...rest }) => rest);
    const more = from + limit < all.length ? { continue: String(from + limit) } : {};
    reply(response, 200, { kind: 'List', metadata: { resourceVersion: String(this.#version), ...more }, items });
  }

  #watch(watch: OpenWatch, since: number): void {
    const { response } = watch;
    if (since < this.#compacted) {
      fail(response, 410);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const change of this.#changes) if (change.version > since) this.#tell(watch, change);
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }
}

function keyOf({ metadata }: Stored): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function status(code: number): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `fake ${code}`, code };
}

function fail(response: ServerResponse, code: number): void {
  reply(response, code, status(code));
}

function reply(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function write(response: ServerResponse, event: object): void {
  response.write(`${JSON.stringify(event)}\n`);
}
