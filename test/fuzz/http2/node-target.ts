import type { RequestHead } from '../../../proxy/http/message.js';
import type { RequestMeta, RequestSink, ResponseSink } from '../../../proxy/http/server-codec.js';
import { Http2ServerConnection } from '../../../proxy/http2/server-connection.js';
import { type Counted, Relay } from '../http1/relay.js';
import { MemorySocket, StillClock } from '../memory-socket.js';
import type { Finding, Target } from '../target.js';
import { clientFrames } from './grammar.js';
import { NodeHttp2, type NodeRequest } from './node-server.js';

const OPTIONS = { maxHeadBytes: 60 * 1024, maxHeaders: 100, secure: false, count: (): void => undefined };

const node = new NodeHttp2();

export const http2Node: Target = {
  name: 'http2-node',
  about: "HTTP/2 from a client: what both our server side and Node's accept is the same request",
  corpus: 'http2',
  generate: clientFrames,
  async start() {
    await node.start();
    return undefined;
  },
  stop: () => node.stop(),
  async check(input) {
    const theirs = await node.read(input);
    const { byStream, failed } = await readByOurs(input);
    for (const [id, request] of theirs) {
      const finding = compare(id, byStream.get(id), request, failed);
      if (finding !== undefined) return finding;
    }
    return undefined;
  },
};

/** Remembers of which stream a request is. */
class StreamRelay extends Relay {
  readonly byStream = new Map<number, Counted>();

  override onRequest(response: ResponseSink, request: RequestHead, meta: RequestMeta): RequestSink {
    const sink = super.onRequest(response, request, meta);
    const counted = this.counted.at(-1);
    // HTTP/2 gives its streams as sinks.
    const { id } = response as ResponseSink & { readonly id: number };
    if (counted !== undefined) this.byStream.set(id, counted);
    return sink;
  }
}

async function readByOurs(input: Buffer): Promise<{ byStream: ReadonlyMap<number, Counted>; failed: boolean }> {
  const clock = new StillClock();
  const relay = new StreamRelay(clock);
  const client = new MemorySocket();
  new Http2ServerConnection(client.socket, relay, { ...OPTIONS, clock });
  client.feed(input);
  await new Promise(setImmediate);
  const failed = client.destroyed || client.writableEnded;
  client.hangUp();
  relay.hangUp();
  return { byStream: relay.byStream, failed };
}

/** Ours may refuse what it likes; it must not read another request. */
function compare(id: number, ours: Counted | undefined, theirs: NodeRequest, failed: boolean): Finding {
  if (ours === undefined || ours.raw || !theirs.complete) return undefined;
  const start = `${ours.method} ${ours.path}`;
  if (start !== theirs.start && !(theirs.start.includes(' ?') && ours.path.startsWith('/?'))) {
    return `stream ${id}: ours reads ${start}, Node ${theirs.start}`;
  }
  if (ours.complete && ours.body !== theirs.body) {
    return `stream ${id}: ours has the body ${JSON.stringify(ours.body)}, Node ${JSON.stringify(theirs.body)}`;
  }
  if (!ours.complete && !failed && !theirs.body.startsWith(ours.body)) {
    return `stream ${id}: ours has ${JSON.stringify(ours.body)} of the body, Node ${JSON.stringify(theirs.body)}`;
  }
  return undefined;
}
