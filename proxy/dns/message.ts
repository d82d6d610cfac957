import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet';
import type { FoundName } from './names.js';

/** A query with one question; everything else of it is left to the name servers. */
export interface DnsQuery {
  readonly bytes: Buffer;
  readonly id: number;
  /** As it was written. */
  readonly name: string;
  /** `A`, `AAAA`, … */
  readonly type: string;
  readonly recursionDesired: boolean;
  /** Largest answer that the client takes by UDP. */
  readonly maxBytes: number;
  readonly edns: boolean;
}

export const HEADER_BYTES = 12;
const CLASSIC_MAX_BYTES = 512;
const OUR_MAX_BYTES = 4096;
/** More than a query with an EDNS option has ever need of. */
const MAX_QUERY_BYTES = 4096;
/** Of what we answer ourselves, seconds, as Istio has it. */
const TTL_SECONDS = 30;

export const RCODE = { noError: 0, serverFailure: 2, notImplemented: 4, refused: 5 } as const;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;

/** Reads a query; undefined for anything else, which deserves no answer. Never throws. */
export function readQuery(bytes: Buffer): DnsQuery | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MAX_QUERY_BYTES) return undefined;
  const flags = bytes.readUInt16BE(2);
  const isQuery = (flags & 0x8000) === 0 && (flags & 0x7800) === 0;
  // Counts of questions, answers and authorities; one additional record is EDNS, another may sign it.
  const plain = bytes.readUInt16BE(4) === 1 && bytes.readUInt32BE(6) === 0 && bytes.readUInt16BE(10) <= 2;
  if (!isQuery || !plain) return undefined;
  try {
    const { id = 0, questions = [], additionals = [] } = decode(bytes);
    const [question] = questions;
    if (question === undefined) return undefined;
    const edns = additionals.find(({ type }) => type === 'OPT') as { readonly udpPayloadSize?: number } | undefined;
    const asked = edns?.udpPayloadSize ?? CLASSIC_MAX_BYTES;
    return {
      bytes,
      id,
      name: question.name,
      type: question.class === 'IN' ? question.type : 'other',
      recursionDesired: (flags & RECURSION_DESIRED) !== 0,
      maxBytes: Math.min(Math.max(asked, CLASSIC_MAX_BYTES), OUR_MAX_BYTES),
      edns: edns !== undefined,
    };
  } catch {
    return undefined;
  }
}

/** What we know of a name: its addresses of the family that was asked for, or none. Long answers are cut for UDP. */
export function answerOf(query: DnsQuery, { entry, canonical }: FoundName, udp: boolean): Buffer {
  const type = query.type === 'AAAA' ? 'AAAA' : 'A';
  const name = canonical ?? query.name;
  const addresses = type === 'A' ? entry.v4 : entry.v6;
  const first = entry.turn++ % Math.max(addresses.length, 1);
  const turned = [...addresses.slice(first), ...addresses.slice(0, first)];
  const answers: Answer[] = turned.map((data) => ({ type, name, ttl: TTL_SECONDS, data }));
  if (canonical !== undefined) answers.unshift({ type: 'CNAME', name: query.name, ttl: TTL_SECONDS, data: canonical });
  const whole = respond(query, RCODE.noError, answers, AUTHORITATIVE_ANSWER);
  if (!udp || whole.length <= query.maxBytes) return whole;
  return respond(query, RCODE.noError, [], AUTHORITATIVE_ANSWER | TRUNCATED_RESPONSE);
}

export function failure(query: DnsQuery, rcode: number): Buffer {
  return respond(query, rcode, [], 0);
}

function respond(query: DnsQuery, rcode: number, answers: Answer[], flags: number): Buffer {
  const { id, name, type, edns } = query;
  const bytes = encode({
    type: 'response',
    id,
    flags: flags | RECURSION_AVAILABLE | (query.recursionDesired ? RECURSION_DESIRED : 0) | rcode,
    questions: type === 'other' ? [] : [{ type: type as 'A', name, class: 'IN' }],
    answers,
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: OUR_MAX_BYTES,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
  return bytes;
}

/** Whether bytes are the answer to a query that was sent with an ID of our own: that ID, and the same question. */
export function answers(query: Buffer, id: number, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== id || (answer.readUInt16BE(2) & 0x8000) === 0)
    return false;
  // Some servers leave the question out of an error.
  if (answer.readUInt16BE(4) === 0) return rcodeOf(answer) !== RCODE.noError;
  const end = questionEnd(query);
  if (end === undefined || answer.length < end) return false;
  return (
    query.toString('latin1', HEADER_BYTES, end).toLowerCase() ===
    answer.toString('latin1', HEADER_BYTES, end).toLowerCase()
  );
}

export function rcodeOf(answer: Buffer): number {
  return answer.readUInt16BE(2) & 0x000f;
}

function questionEnd(query: Buffer): number | undefined {
  let at = HEADER_BYTES;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63) return undefined;
    at += length + 1;
    if (length === 0) return at + 4 <= query.length ? at + 4 : undefined;
  }
}
