import { requests } from '../http1/grammar.js';
import type { Message } from '../http1/node-parser.js';
import { type OurReading, readRequests } from '../http1/ours.js';
import type { Finding, Target } from '../target.js';
import { exchange } from './exchange.js';
import { startNginx } from './nginx.js';
import { startOwn } from './own.js';
import { type Arrived, MarkedUpstream } from './upstream.js';

/** A proxy that marks requests with `word` and the client's address, and gives them to `upstreamPort`. */
export type StartProxy = (upstreamPort: number, word: string) => Promise<RunningProxy | string>;

export interface RunningProxy {
  readonly port: number;
  stop(): Promise<void>;
}

const WORD = 'the-proxy-itself';

/** The oracle against request smuggling for all of the proxy: upstream gets what the connection manager sent, and no more. */
export const wholeProxy = through({
  name: 'proxy',
  about:
    'HTTP/1.1 through a whole proxy: upstream, by another parser, gets what the proxy marked; answers keep their order',
  start: startOwn,
  lenient: false,
});

export const nginx = through({
  name: 'nginx',
  about: 'HTTP/1.1 requests: our server side, and nginx, where there is one',
  start: startNginx,
  lenient: true,
});

interface Through {
  readonly name: string;
  readonly about: string;
  readonly start: StartProxy;
  /** Whether it may go on where our server side has refused. */
  readonly lenient: boolean;
}

function through({ name, about, start, lenient }: Through): Target {
  const upstream = new MarkedUpstream(WORD);
  let proxy: RunningProxy | undefined;
  return {
    name,
    about,
    corpus: 'http1',
    generate: requests,
    async start() {
      const started = await start(await upstream.start(), WORD);
      if (typeof started !== 'string') {
        proxy = started;
        return undefined;
      }
      await upstream.stop();
      return started;
    },
    async stop() {
      await proxy?.stop();
      await upstream.stop();
    },
    async check(input) {
      upstream.forget();
      const ours = readRequests([input], 'at-once');
      // What ours refuses, another may still wait to see the end of.
      const refused = ours.refused === undefined || lenient ? 0 : 1;
      const wanted = ours.messages.filter(({ complete, raw }) => complete || raw).length + refused;
      const seen = await exchange(proxy?.port ?? 0, input, wanted);
      // Another proxy may pass on what upstream does not understand.
      if (upstream.strange.length > 0 && !lenient) return `upstream got ${upstream.strange.join(', ')}`;
      if (seen.hung) return `${wanted} answers are due, and only ${seen.answers} came`;
      const arrived = upstream.of(seen.client);
      return inOrder(arrived, ours, lenient) ?? answersOf(arrived, seen.numbers);
    },
  };
}

/** What arrived are some of the requests that our server side reads, in their order. */
function inOrder(arrived: readonly Arrived[], { messages, refused }: OurReading, lenient: boolean): Finding {
  let at = 0;
  for (const request of arrived) {
    while (at < messages.length && !isSame(request, messages[at] as Message)) at++;
    if (at++ < messages.length) continue;
    if (lenient && refused !== undefined) return undefined;
    return `upstream got ${request.method} ${JSON.stringify(request.body)}, which our server side does not read`;
  }
  return undefined;
}

function isSame({ method, body, complete }: Arrived, message: Message): boolean {
  if (message.start.split(' ')[0] !== method) return false;
  if (message.raw) return body === '';
  return complete ? message.complete && message.body === body : message.body.startsWith(body);
}

/** Nobody gets the answer to another question. */
function answersOf(arrived: readonly Arrived[], numbers: readonly number[]): Finding {
  const wrong = numbers.findIndex((number, i) => number !== arrived[i]?.number);
  if (wrong < 0) return undefined;
  const wanted = arrived.map(({ number }) => number).join(', ');
  return `answers ${numbers.join(', ')} came to requests ${wanted}`;
}
