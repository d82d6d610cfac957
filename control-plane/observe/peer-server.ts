import type { KeyObject } from 'node:crypto';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { type ServerWritableStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import { method } from '../../common/xds/grpc-method.js';
import type { PeerAnswer } from '../../proto/gen/weft/observe/v1/PeerAnswer.js';
import type { PeerQuestion__Output } from '../../proto/gen/weft/observe/v1/PeerQuestion.js';
import { bearerToken } from '../xds/rpc.js';
import type { LocalView } from './local-view.js';
import { verifyPeerToken } from './peer-token.js';

/** One replica asks another what it knows. */
export const PEER_SERVICE = {
  Ask: {
    ...method<PeerQuestion__Output, PeerAnswer>({
      path: '/weft.observe.v1.Peers/Ask',
      streaming: false,
      request: 'weft.observe.v1.PeerQuestion',
      response: 'weft.observe.v1.PeerAnswer',
    }),
    responseStream: true,
  },
} satisfies ServiceDefinition;

const PART_BYTES = 1024 * 1024;

type Call = ServerWritableStream<PeerQuestion__Output, PeerAnswer>;

/**
 * Answers other replicas from what is known here: `/sums?from=&to=`, `/steps?from=&to=&step=`, `/proxies`, and
 * `/proxy?key=&path=` with the answer of a sidecar that is connected here.
 */
export class PeerServer {
  constructor(
    private readonly view: LocalView,
    private readonly authorityKey: () => KeyObject,
    private readonly clock: Clock,
  ) {}

  handlers(): UntypedServiceImplementation {
    return {
      Ask: (call: Call) => {
        this.ask(call).then(
          () => call.end(),
          (error: unknown) => call.emit('error', { code: codeOf(error), details: messageOf(error) }),
        );
      },
    };
  }

  private async ask(call: Call): Promise<void> {
    const token = bearerToken(call);
    try {
      await verifyPeerToken(token ?? '', this.authorityKey(), this.clock);
    } catch {
      throw new Refused('only replicas of this control plane may ask');
    }
    const [path = '', search = ''] = (call.request.path ?? '').split('?', 2);
    const query = new URLSearchParams(search);
    if (path === '/proxy') return this.proxy(call, query);
    const bytes = Buffer.from(JSON.stringify(await this.answer(path, query)));
    for (let at = 0; at < bytes.length; at += PART_BYTES)
      call.write({ status: 200, data: bytes.subarray(at, at + PART_BYTES) });
  }

  private async answer(path: string, query: URLSearchParams): Promise<unknown> {
    const { history } = this.view;
    const window = { from: Number(query.get('from')), to: Number(query.get('to')) };
    this.view.watched();
    if (path === '/proxies') return this.view.proxies();
    if (path === '/sums') return history.sums(window);
    if (path === '/steps') return history.steps(window, Math.max(1000, Number(query.get('step'))));
    throw new Error(`there is nothing to ask at ${path}`);
  }

  private async proxy(call: Call, query: URLSearchParams): Promise<void> {
    const gone = new AbortController();
    call.once('cancelled', () => gone.abort());
    const answer = await this.view.ask(query.get('key') ?? '', query.get('path') ?? '', gone.signal);
    call.write({ status: answer.status, data: Buffer.alloc(0) });
    for await (const part of answer.body) call.write({ status: answer.status, data: part });
  }
}

class Refused extends Error {}

function codeOf(error: unknown): status {
  return error instanceof Refused ? status.UNAUTHENTICATED : status.NOT_FOUND;
}
