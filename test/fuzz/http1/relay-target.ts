import { Http1ServerConnection } from '../../../proxy/http1/server-connection.js';
import { MemorySocket, StillClock } from '../memory-socket.js';
import type { Finding, Target } from '../target.js';
import { requests } from './grammar.js';
import { type Message, readByNode } from './node-parser.js';
import { type Counted, Relay } from './relay.js';

/** The oracle against request smuggling: what reaches upstream, read by another parser, is what was counted. */
export const http1Relay: Target = {
  name: 'relay',
  about:
    'HTTP/1.1 through both of our sides: upstream, by another parser, gets the requests that were counted, no other',
  corpus: 'http1',
  generate: requests,
  async check(input) {
    const clock = new StillClock();
    const relay = new Relay(clock);
    const client = new MemorySocket();
    new Http1ServerConnection(client.socket, relay, {
      ...{ clock, secure: false, maxHeadBytes: 60 * 1024, maxHeaders: 100, acceptHttp10: true },
    });
    client.feed(input);
    await turn();
    client.hangUp();
    await turn();
    relay.hangUp();
    if (relay.closed !== 1) return `the end of the connection was told ${relay.closed} times`;
    if (relay.open !== 0) return `${relay.open} requests heard of no end`;
    if (clock.timers !== 0) return `${clock.timers} timers are left`;
    return sameAsCounted(relay) ?? responsesOf(client, relay);
  },
};

/** What the codecs put off to the end of the tick is done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Whether upstream, read by Node's parser, got exactly the requests that the server side counted, in their order. */
export function sameAsCounted({ counted, upstreams }: Relay): Finding {
  const got = upstreams.flatMap(({ output }) => {
    const { messages, refused } = readByNode(output, 'request');
    return refused === undefined ? messages : [...messages, unreadable(refused)];
  });
  const rest = [...got];
  for (const wanted of counted) {
    const at = rest.findIndex((message) => matches(message, wanted));
    if (at < 0) {
      if (!wanted.complete || wanted.raw) continue;
      return `${wanted.method} ${wanted.path} with ${JSON.stringify(wanted.body)} did not reach upstream so: ${JSON.stringify(upstreams.map(({ output }) => output.toString('latin1')))}`;
    }
    rest.splice(at, 1);
  }
  const [extra] = rest;
  return extra === undefined
    ? undefined
    : `upstream got ${extra.start} ${JSON.stringify(extra.body)}, which nobody counted`;
}

function unreadable(refused: string): Message {
  return { start: `bytes that are no request: ${refused}`, fields: [], body: '', complete: false, raw: false };
}

function matches(message: Message, { method, path, body, complete, raw }: Counted): boolean {
  if (message.start !== `${method} ${path}`) return false;
  if (raw) return true;
  if (message.complete !== complete) return !complete && body.startsWith(message.body);
  return complete ? message.body === body : body.startsWith(message.body);
}

/** The client gets no more answers than it has asked questions, in bytes that another parser reads. */
function responsesOf(client: MemorySocket, { counted }: Relay): Finding {
  if (counted.some(({ method, raw }) => method === 'HEAD' || raw)) return undefined;
  const { messages, refused } = readByNode(client.output, 'response');
  if (refused !== undefined && !/HPE_CLOSED_CONNECTION/.test(refused))
    return `the client cannot read its answers: ${refused}`;
  const finals = messages.filter(({ start }) => Number(start) >= 200).length;
  return finals <= counted.length + 1 ? undefined : `${finals} answers to ${counted.length} requests`;
}
