import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An object of Kubernetes, as far as a store looks at it. */
export interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

interface Change {
  readonly version: number;
  readonly key: string;
  /** A line of a watch. */
  readonly line: string;
}

interface OpenWatch {
  readonly wanted: Wanted;
  readonly response: ServerResponse;
}

/** What a list or a watch is about. */
interface Wanted {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface Collection {
  readonly objects: Map<string, Stored>;
  readonly watches: Set<OpenWatch>;
  changes: Change[];
}

interface Target extends Wanted {
  /** `apis/networking.istio.io/v1/virtualservices`. */
  readonly collection: string;
}

/** Who watches reads a list first, and is behind for no longer than this. */
const KEPT_CHANGES = 10_000;
const TOKEN_REVIEWS = 'apis/authentication.k8s.io/v1/tokenreviews';

/**
 * The part of an API server that a control plane uses, over real HTTP: lists, watches, reads and writes of every collection,
 * and TokenReview. It takes so little that what is measured beside it is the control plane; a kube-apiserver with its etcd would
 * need both processors to deliver the same.
 */
export class ApiServer {
  readonly #collections = new Map<string, Collection>();
  #version = 1;
  #server: Server | undefined;

  async start(): Promise<string> {
    const server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => refuse(response, 500, String(error)));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  /** Creates or replaces an object; whoever watches hears of it at once. */
  put(collection: string, object: Stored): Stored {
    const { objects } = this.#collection(collection);
    const key = keyOf(object.metadata);
    const before = objects.get(key);
    const version = ++this.#version;
    const uid = before?.metadata['uid'] ?? object.metadata['uid'] ?? `uid-${version}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(version) } };
    objects.set(key, stored);
    this.#publish(collection, before === undefined ? 'ADDED' : 'MODIFIED', key, stored);
    return stored;
  }

  delete(collection: string, namespace: string | undefined, name: string): void {
    const { objects } = this.#collection(collection);
    const key = keyOf({ namespace, name });
    const object = objects.get(key);
    if (object === undefined) return;
    objects.delete(key);
    const version = ++this.#version;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#publish(collection, 'DELETED', key, last);
  }

  get(collection: string, namespace: string | undefined, name: string): Stored | undefined {
    return this.#collection(collection).objects.get(keyOf({ namespace, name }));
  }

  #collection(path: string): Collection {
    let found = this.#collections.get(path);
    if (found === undefined) {
      found = { objects: new Map(), watches: new Set(), changes: [] };
      this.#collections.set(path, found);
    }
    return found;
  }

  #publish(path: string, type: string, key: string, object: Stored): void {
    const collection = this.#collection(path);
    const change = { version: this.#version, key, line: `${JSON.stringify({ type, object })}\n` };
    if (collection.watches.size > 0) {
      collection.changes.push(change);
      if (collection.changes.length > KEPT_CHANGES) collection.changes = collection.changes.slice(-KEPT_CHANGES / 2);
    }
    for (const { wanted, response } of collection.watches) if (concerns(wanted, key)) response.write(change.line);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://bench');
    if (url.pathname === '/version') {
      answer(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
      return;
    }
    const target = targetOf(url);
    const body = request.method === 'GET' ? undefined : await readBody(request);
    if (target.collection === TOKEN_REVIEWS) {
      answer(response, 201, review(body as { spec?: { token?: string } }));
      return;
    }
    const { collection, namespace, name } = target;
    if (request.method === 'GET' && url.searchParams.get('watch') === 'true') {
      this.#watch(collection, target, Number(url.searchParams.get('resourceVersion')), response);
    } else if (request.method === 'GET' && /\/[^/]+$/.test(url.pathname) && !isCollection(url, target)) {
      const object = this.get(collection, namespace, name ?? '');
      if (object === undefined) refuse(response, 404, 'not found');
      else answer(response, 200, object);
    } else if (request.method === 'GET') this.#list(collection, target, response);
    else if (request.method === 'DELETE') {
      this.delete(collection, namespace, name ?? '');
      answer(response, 200, { kind: 'Status', status: 'Success' });
    } else this.#write(request.method ?? '', target, body as Stored, response);
  }

  #write(method: string, { collection, namespace, name }: Target, body: Stored, response: ServerResponse): void {
    const before = this.get(collection, namespace, name ?? body.metadata.name);
    if (method === 'POST' && before !== undefined) {
      refuse(response, 409, 'already exists');
      return;
    }
    if (method === 'PATCH' && before === undefined) {
      refuse(response, 404, 'not found');
      return;
    }
    const next = method === 'PATCH' ? (merged(before, body) as Stored) : body;
    const metadata = { ...next.metadata, ...(namespace !== undefined && { namespace }) };
    answer(response, method === 'POST' ? 201 : 200, this.put(collection, { ...next, metadata }));
  }

  #list(collection: string, wanted: Wanted, response: ServerResponse): void {
    const { objects } = this.#collection(collection);
    const items = [...objects].filter(([key]) => concerns(wanted, key)).map(([, object]) => object);
    answer(response, 200, { kind: 'List', metadata: { resourceVersion: String(this.#version) }, items });
  }

  #watch(path: string, wanted: Wanted, since: number, response: ServerResponse): void {
    const { watches, changes } = this.#collection(path);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const { version, key, line } of changes) if (version > since && concerns(wanted, key)) response.write(line);
    const watch = { wanted, response };
    watches.add(watch);
    response.on('close', () => watches.delete(watch));
  }
}

/** Who is asked about says it himself: a token here is the unsigned claims of one. */
export function benchToken(namespace: string, account: string, pod: string): string {
  const exp = Math.floor(Date.now() / 1000) + 86_400;
  const claims = Buffer.from(JSON.stringify({ namespace, account, pod, exp })).toString('base64url');
  return `bench.${claims}.unsigned`;
}

function review(body: { spec?: { token?: string } }): object {
  const claims = JSON.parse(Buffer.from(body.spec?.token?.split('.')[1] ?? '', 'base64url').toString()) as {
    readonly namespace: string;
    readonly account: string;
    readonly pod: string;
  };
  const user = {
    username: `system:serviceaccount:${claims.namespace}:${claims.account}`,
    extra: { 'authentication.kubernetes.io/pod-name': [claims.pod] },
  };
  return { ...body, status: { authenticated: true, audiences: ['istio-ca'], user } };
}

function targetOf(url: URL): Target {
  const parts = url.pathname.split('/').filter((part) => part !== '');
  const root = parts[0] === 'api' ? 2 : 3;
  const below = parts.slice(root);
  const namespaced = below[0] === 'namespaces' && below.length > 2;
  const [plural = '', name] = namespaced ? below.slice(2) : below;
  const selected = /^metadata\.name=(.+)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
  return {
    collection: [...parts.slice(0, root), plural].join('/'),
    namespace: namespaced ? below[1] : undefined,
    name: name ?? selected,
  };
}

function isCollection(url: URL, { collection }: Target): boolean {
  return url.pathname.endsWith(`/${collection.slice(collection.lastIndexOf('/') + 1)}`);
}

function concerns({ namespace, name }: Wanted, key: string): boolean {
  if (name !== undefined) return key === keyOf({ namespace, name });
  return namespace === undefined || key.startsWith(`${namespace}/`);
}

function keyOf({ namespace, name }: { readonly namespace?: string | undefined; readonly name: string }): string {
  return `${namespace ?? ''}/${name}`;
}

/** JSON merge patch (RFC 7386). */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base: Record<string, unknown> = typeof before === 'object' && before !== null ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key];
    else base[key] = merged(base[key], value);
  }
  return base;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}

function refuse(response: ServerResponse, code: number, message: string): void {
  answer(response, code, { kind: 'Status', status: 'Failure', message, code });
}

function answer(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
