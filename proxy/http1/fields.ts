import { decimal } from '../http/decimal.js';
import type { HeaderList } from '../http/headers.js';
import { COLON, CR, HTAB, LF, SP, TOKEN, VALUE } from './chars.js';
import { badMessage, Http1Error, tooManyHeaders } from './errors.js';
import { type FieldName, fieldNames, MAX_NAME_LENGTH } from './field-names.js';

/** Places of a head whose names are remembered; more would be a client's way to fill the memory. */
const MAX_EXPECTED = 32;

/** What the fields of one head say about framing and this hop. One object a connection, reset for each message. */
export class Framing {
  /** -1 when absent. */
  contentLength = -1;
  chunked = false;
  /** Undefined when absent. */
  host: string | undefined = undefined;
  /** All Connection values joined; empty when absent. */
  connection = '';
  upgrade = '';
  /** Keep-Alive, the last one; empty when absent. */
  keepAlive = '';
  teTrailers = false;
  expectContinue = false;
  /** Names of the head before: most heads on a connection have the same ones in the same order. */
  readonly names: FieldName[] = [];

  reset(): void {
    this.contentLength = -1;
    this.chunked = false;
    this.host = undefined;
    this.connection = '';
    this.upgrade = '';
    this.keepAlive = '';
    this.teTrailers = false;
    this.expectContinue = false;
  }

  /** Whether Connection lists this lower-case option. */
  hasOption(option: string): boolean {
    if (this.connection === '') return false;
    return listContains(this.connection, option);
  }
}

/**
 * Parses field lines from `start` to the end of `text`, each ended by CRLF, strictly by RFC 9112 section 5. Fields
 * of this hop go to `framing` and not to `headers`.
 * @throws Http1Error
 */
export function parseFields(
  text: string,
  start: number,
  headers: HeaderList,
  framing: Framing,
  maxFields: number,
): void {
  let pos = start;
  let count = 0;
  const length = text.length;
  while (pos < length) {
    const field = readName(text, pos, framing.names, count);
    let i = pos + field.name.length;
    let code: number;
    do code = text.charCodeAt(++i);
    while (code === SP || code === HTAB);
    const valueStart = i;
    while (VALUE[code] === 1) code = text.charCodeAt(++i);
    if (code !== CR || text.charCodeAt(i + 1) !== LF) throw badMessage();
    let valueEnd = i;
    while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
    if (++count > maxFields) throw tooManyHeaders();
    addField(field, text.slice(valueStart, valueEnd), headers, framing);
    pos = i + 2;
  }
}

/** The name at `pos`, which a colon follows; `names` holds what stood in this place in the head before. */
function readName(text: string, pos: number, names: FieldName[], index: number): FieldName {
  const expected = names[index];
  if (expected !== undefined) {
    const { name } = expected;
    if (text.charCodeAt(pos + name.length) === COLON && text.startsWith(name, pos)) return expected;
  }
  let i = pos;
  let code = text.charCodeAt(i);
  while (TOKEN[code] === 1) code = text.charCodeAt(++i);
  if (code !== COLON || i === pos) throw badMessage();
  const field = fieldNames.get(text.slice(pos, i));
  if (index < MAX_EXPECTED && field.name.length <= MAX_NAME_LENGTH) names[index] = field;
  return field;
}

function addField(field: FieldName, value: string, headers: HeaderList, framing: Framing): void {
  const { name } = field;
  switch (field.kind) {
    case 'plain':
      headers.appendKnown(field.key, name, value);
      return;
    case 'host':
      if (framing.host !== undefined) throw badMessage();
      framing.host = value;
      return;
    case 'content-length':
      addContentLength(name, value, headers, framing);
      return;
    case 'transfer-encoding':
      if (framing.chunked || value.toLowerCase() !== 'chunked') {
        throw new Http1Error(501, 'http1.invalid_transfer_encoding');
      }
      framing.chunked = true;
      return;
    case 'connection':
      addConnection(value, framing);
      return;
    case 'upgrade':
      framing.upgrade = framing.upgrade === '' ? value : `${framing.upgrade},${value}`;
      return;
    case 'te':
      framing.teTrailers ||= listContains(value, 'trailers');
      return;
    case 'expect':
      if (value.toLowerCase() === '100-continue') framing.expectContinue = true;
      else headers.appendKnown(field.key, name, value);
      return;
    case 'hop':
      if (field.key === 'keep-alive') framing.keepAlive = value;
      // As Envoy: the old field of clients of a proxy still closes.
      if (field.key === 'proxy-connection' && value.toLowerCase() === 'close') addConnection(value, framing);
      return;
  }
}

function addConnection(value: string, framing: Framing): void {
  framing.connection = framing.connection === '' ? value : `${framing.connection},${value}`;
}

/** RFC 9112 section 6.3; repetitions are refused even when they agree, as Envoy does. */
function addContentLength(name: string, value: string, headers: HeaderList, framing: Framing): void {
  const length = decimal(value);
  if (length < 0 || framing.contentLength >= 0) throw badMessage();
  framing.contentLength = length;
  headers.appendKnown('content-length', name, value);
}

/** Whether a comma-separated list has this lower-case member. */
export function listContains(list: string, member: string): boolean {
  if (list.length === member.length) return list.toLowerCase() === member;
  return list.split(',').some((item) => item.trim().toLowerCase() === member);
}

/** Fields that a client could name in Connection to strip what this proxy relies on; Envoy refuses them too. */
const PROTECTED = new Set(['host', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']);

/**
 * Removes the fields that Connection names (RFC 9110 section 7.6.1).
 * @throws Http1Error when it names one that must not be removed.
 */
export function removeNominated(headers: HeaderList, framing: Framing): void {
  const list = framing.connection.toLowerCase();
  if (list === '' || list === 'close' || list === 'keep-alive') return;
  for (const item of list.split(',')) {
    const option = item.trim();
    if (option === '' || option === 'close' || option === 'keep-alive' || option === 'upgrade') continue;
    if (PROTECTED.has(option) || option.startsWith(':')) throw new Http1Error(400, 'http1.connection_header_rejected');
    if (option === 'content-length') continue;
    headers.delete(option);
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/** The `timeout` of Keep-Alive (RFC 2068 section 19.7.1.1) in ms, with which servers tell when they will close. */
export function keepAliveMs(value: string): number | undefined {
  const seconds = /(?:^|[,\s])timeout\s*=\s*"?([0-9]{1,9})/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
