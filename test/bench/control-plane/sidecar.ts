import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { SecureContext } from 'node:tls';
import { encodeMessage } from '../../../common/xds/codec.js';
import { toStruct } from '../../../common/xds/struct.js';
import { TYPE } from '../../../common/xds/type-urls.js';
import { DeltaReader } from './delta-reader.js';

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const REQUEST = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryRequest';
const SERVER_NAME = 'istiod.istio-system.svc';
const MOST_ENCODED = 2000;
const RETRY = { firstMs: 250, mostMs: 4000 };
/** Types that a sidecar asks for in its first breath, in its order, and those whose names follow from others. */
const FIRST = [TYPE.cluster, TYPE.listener, TYPE.trustBundle];

export interface SidecarNode {
  readonly namespace: string;
  readonly pod: string;
  readonly account: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Target {
  readonly address: string;
  /** Made once: a process for each sidecar would not make it two thousand times. */
  readonly trust: SecureContext;
  readonly token: (node: SidecarNode) => string;
}

/** What all sidecars of a process share, so that two thousand of them know their resources by number. */
export class Names {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [''];
  readonly #encoded = new Map<string, Buffer>();

  idOf(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#texts.length;
      this.#ids.set(text, id);
      this.#texts.push(text);
    }
    return id;
  }

  textOf(id: number): string {
    return this.#texts[id] ?? '';
  }

  /** A request that many send alike, encoded once. */
  encoded(key: string, make: () => object): Buffer {
    let body = this.#encoded.get(key);
    if (body === undefined) {
      if (this.#encoded.size > MOST_ENCODED) this.#encoded.clear();
      body = encodeMessage(REQUEST, make());
      this.#encoded.set(key, body);
    }
    return body;
  }
}

/** What tells lists of numbers from each other. */
function keyOfList(numbers: Iterable<number>): string {
  let first = 0x811c9dc5;
  let second = 0;
  let count = 0;
  for (const number of numbers) {
    first = Math.imul(first ^ number, 0x01000193);
    second = (Math.imul(second, 31) + number) | 0;
    count++;
  }
  return `${count} ${first} ${second}`;
}

/** What happened at one sidecar, for those who measure. */
export interface SidecarEvents {
  /** A response was acknowledged. */
  acknowledged(sidecar: SimulatedSidecar, typeUrl: string, resources: number, bytes: number): void;
  /** Its stream ended; it tries again by itself unless it was stopped. */
  lost(sidecar: SimulatedSidecar, reason: string): void;
  /** The names of route tables that its listeners ask for. */
  routeNames(): readonly string[];
  /** Octets of its stream as they come, for a sample that decodes them. */
  received?(chunk: Buffer): void;
}

/** One sidecar as the control plane sees it: its own TLS connection, token, node, subscriptions, ACKs, and back-off. */
export class SimulatedSidecar {
  /** By type: version by name. */
  readonly held = new Map<string, Map<number, number>>();
  /** Since it connected: types that were answered. */
  readonly answered = new Set<string>();
  responses = 0;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY.firstMs;
  #added: number[] = [];
  #current = new Map<number, number>();
  #gone: number[] = [];
  #asked = new Set<string>();
  #stopped = false;

  constructor(
    readonly node: SidecarNode,
    private readonly names: Names,
    private readonly events: SidecarEvents,
  ) {}

  get served(): boolean {
    return [TYPE.cluster, TYPE.listener, TYPE.endpoint, TYPE.route].every((type) => this.answered.has(type));
  }

  connect(target: Target): void {
    this.#stopped = false;
    this.answered.clear();
    this.#asked.clear();
    const session = connect(`https://${target.address}`, {
      secureContext: target.trust,
      servername: SERVER_NAME,
    });
    this.#session = session;
    const lost = (reason: string): void => this.#lost(session, target, reason);
    session.on('error', (error) => lost(error.message));
    session.on('close', () => lost('closed'));
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
      // As grpc-js does, which real ones call by.
      'grpc-accept-encoding': 'identity,deflate,gzip',
      authorization: `Bearer ${target.token(this.node)}`,
    });
    this.#stream = stream;
    const reader = new DeltaReader(this.#sink());
    stream.on('data', (chunk: Buffer) => {
      this.events.received?.(chunk);
      reader.push(chunk);
    });
    stream.on('error', (error) => lost(error.message));
    stream.on('trailers', (trailers) => lost(String(trailers['grpc-message'] ?? trailers['grpc-status'])));
    for (const typeUrl of FIRST) {
      const names = typeUrl === TYPE.trustBundle ? ['ROOTCA'] : [];
      const body = this.#subscription(typeUrl, names, true);
      // Fields of a message may come in any order and in pieces.
      this.#write(typeUrl === TYPE.cluster ? [encodeMessage(REQUEST, { node: this.#node() }), body] : [body]);
    }
    // What it had before, it asks for at once.
    this.#ask(TYPE.endpoint);
    this.#ask(TYPE.route);
  }

  /** For a sample, whose listeners have to be decoded before it is known which these are. */
  askForRoutes(): void {
    this.#ask(TYPE.route);
  }

  /** Ends its stream and does not come back by itself. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#session?.destroy();
    this.#session = undefined;
  }

  count(typeUrl: string): number {
    return this.held.get(typeUrl)?.size ?? 0;
  }

  #lost(session: ClientHttp2Session, target: Target, reason: string): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    session.destroy();
    if (this.#stopped) return;
    this.events.lost(this, reason);
    this.#retry = setTimeout(() => this.connect(target), this.#retryMs * (0.5 + Math.random()));
    this.#retryMs = Math.min(RETRY.mostMs, this.#retryMs * 2);
  }

  #sink() {
    return {
      resource: (name: string, version: string): void => {
        const id = this.names.idOf(name);
        this.#current.set(id, this.names.idOf(version));
        this.#added.push(id);
      },
      removed: (name: string): void => void this.#gone.push(this.names.idOf(name)),
      end: (typeUrl: string, nonce: string, bytes: number): void => this.#took(typeUrl, nonce, bytes),
    };
  }

  #took(typeUrl: string, nonce: string, bytes: number): void {
    const held = this.held.get(typeUrl) ?? new Map<number, number>();
    this.held.set(typeUrl, held);
    const fresh = this.#added.filter((id) => !held.has(id));
    for (const [id, version] of this.#current) held.set(id, version);
    for (const id of this.#gone) held.delete(id);
    const resources = this.#added.length + this.#gone.length;
    this.#added = [];
    this.#gone = [];
    this.#current = new Map();
    this.responses++;
    this.#retryMs = RETRY.firstMs;
    this.#send({ type_url: typeUrl, response_nonce: nonce });
    this.answered.add(typeUrl);
    this.events.acknowledged(this, typeUrl, resources, bytes);
    // Names of clusters that are no EDS are not there, and are said to be so, which costs next to nothing.
    if (typeUrl === TYPE.cluster) this.#ask(TYPE.endpoint, fresh);
    if (typeUrl === TYPE.listener) this.#ask(TYPE.route);
  }

  #ask(typeUrl: string, fresh: readonly number[] = []): void {
    const first = !this.#asked.has(typeUrl);
    const clusters = [...(this.held.get(TYPE.cluster)?.keys() ?? [])];
    const ids = typeUrl === TYPE.endpoint ? (first ? clusters : fresh) : [];
    const names =
      typeUrl === TYPE.endpoint
        ? ids.map((id) => this.names.textOf(id)).filter((name) => name.startsWith('outbound|'))
        : first
          ? this.events.routeNames()
          : [];
    if (names.length === 0) return;
    this.#asked.add(typeUrl);
    this.#write([this.#subscription(typeUrl, names, first)]);
  }

  #subscription(typeUrl: string, names: readonly string[], first: boolean): Buffer {
    const held = first ? keyOfList([...(this.held.get(typeUrl) ?? [])].flat()) : '';
    const wanted = keyOfList(names.map((name) => this.names.idOf(name)));
    return this.names.encoded(`${typeUrl} ${first} ${wanted} ${held}`, () => ({
      type_url: typeUrl,
      resource_names_subscribe: names,
      ...(first && { initial_resource_versions: this.#versions(typeUrl) }),
    }));
  }

  #versions(typeUrl: string): Record<string, string> {
    const versions: Record<string, string> = {};
    // All but one: what a sidecar has, nobody sends again, and without an answer it would not be seen that it is served.
    for (const [id, version] of [...(this.held.get(typeUrl) ?? [])].slice(1)) {
      versions[this.names.textOf(id)] = this.names.textOf(version);
    }
    return versions;
  }

  #send(request: object): void {
    this.#write([encodeMessage(REQUEST, request)]);
  }

  #write(parts: readonly Buffer[]): void {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(
      parts.reduce((sum, { length }) => sum + length, 0),
      1,
    );
    this.#stream?.write(Buffer.concat([header, ...parts]));
  }

  #node(): object {
    const { namespace, pod, account, address, labels } = this.node;
    const metadata = { NAMESPACE: namespace, SERVICE_ACCOUNT: account, INSTANCE_IPS: address, LABELS: labels };
    return {
      id: `sidecar~${address}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `${account}.${namespace}`,
      metadata: toStruct(metadata),
      user_agent_name: 'weft',
    };
  }
}
