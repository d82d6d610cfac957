import { cutsOf } from '../cuts.js';
import { hashOf } from '../random.js';
import type { Finding, Target } from '../target.js';
import { agrees, sameReading } from './compare.js';
import { requests, responses } from './grammar.js';
import { type Reading, readByNode } from './node-parser.js';
import { type OurReading, readRequests, readResponses } from './ours.js';

/** Requests: ours and Node's parser, and ours with the bytes cut otherwise. */
export const http1Requests: Target = {
  name: 'http1',
  about: "HTTP/1.1 requests: our server side, however the bytes are cut, and Node's parser",
  corpus: 'http1',
  generate: requests,
  check(input, thorough) {
    const hash = hashOf(input);
    const ours = readRequests([input], 'at-once');
    return checkReading(input, hash, thorough, ours, {
      again: (packets, way) => readRequests(packets, way % 2 === 0 ? 'late' : 'at-once'),
      compare: () => agrees(ours, readByNode(input, 'request'), mayRefuse),
    });
  },
};

const QUESTIONS = ['GET', 'HEAD', 'CONNECT', 'GET'] as const;

export const http1Responses: Target = {
  name: 'http1-response',
  about: "HTTP/1.1 responses: our client side, however the bytes are cut, and Node's parser",
  corpus: 'http1-response',
  generate: responses,
  check(input, thorough) {
    const hash = hashOf(input);
    for (const asked of thorough ? QUESTIONS : [QUESTIONS[hash % QUESTIONS.length] ?? 'GET']) {
      const ours = readResponses([input], asked);
      const finding = checkReading(input, hash, thorough, ours, {
        again: (packets) => readResponses(packets, asked),
        compare: () => agrees(ours, firstAnswer(readByNode(input, 'response', asked)), mayRefuse),
      });
      if (finding !== undefined) return `${asked}: ${finding}`;
    }
    return undefined;
  },
};

interface Readers {
  readonly again: (packets: readonly Buffer[], way: number) => OurReading;
  readonly compare: () => Finding;
}

function checkReading(input: Buffer, hash: number, thorough: boolean, ours: OurReading, readers: Readers): Finding {
  if (ours.fault !== undefined) return ours.fault;
  const ways = cutsOf(input, hash, thorough);
  for (let way = 1; way < ways.length; way++) {
    const packets = ways[way] ?? [];
    const again = readers.again(packets, way);
    if (again.fault !== undefined) return `cut into ${packets.length}: ${again.fault}`;
    const difference = sameReading(ours, again);
    if (difference !== undefined) {
      return `cut at ${packets[0]?.length} into ${packets.length}, it is read otherwise: ${difference}`;
    }
  }
  return readers.compare();
}

/** Refusals of Node's that are a matter of taste: both see the same end of the message. */
const TASTE: readonly RegExp[] = [
  // An interim answer that says `close`: Node reads no further, we wait for the answer itself.
  /HPE_CLOSED_CONNECTION/,
  // Extensions of chunks mean nothing to anybody; ours end at the same CRLF.
  /in chunk extensions/,
  // An error within a body, whose words Node does not tell where an upgrade was asked for.
  /HIDDEN_BY_UPGRADE/,
  // A tab behind the number, which is white space as good as any (RFC 9110 section 5.6.3); ours takes nothing but digits.
  /Invalid character in Content-Length/,
  // In a trailer, where ours takes it out; in a head ours refuses both together.
  /Content-Length can't be present with Transfer-Encoding/,
];

function mayRefuse(reason: string): boolean {
  return TASTE.some((taste) => taste.test(reason));
}

/** Up to the first final answer: nobody asked for what comes behind it. */
function firstAnswer({ messages, refused }: Reading): Reading {
  const final = messages.findIndex(({ start }) => Number(start) >= 200 || start === '101');
  if (final < 0 || messages[final]?.complete === false) return { messages, refused };
  return { messages: messages.slice(0, final + 1), refused: undefined };
}
