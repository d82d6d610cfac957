import type { Message, Reading } from './node-parser.js';

/** Fields that our codec acts on and takes out of a message. */
const OURS_ALONE = new Set([
  ...['host', 'transfer-encoding', 'connection', 'upgrade', 'te', 'expect'],
  ...['keep-alive', 'proxy-connection', 'http2-settings'],
]);

/** Whether two readings of the same bytes are the same up to the last byte: what they are when the bytes were cut otherwise. */
export function sameReading(left: Reading, right: Reading): string | undefined {
  const [a, b] = [describe(left), describe(right)];
  return a === b ? undefined : `${a}\n  but ${b}`;
}

/** How much of a body that breaks off was handed on before depends on its packets, and says nothing. */
export function describe({ messages, refused }: Reading): string {
  const read = messages.map(
    ({ start, fields, body, complete, raw }) =>
      `[${start} ${fields.map(([name, value]) => `${name}: ${value}`).join(' | ')} ${refused !== undefined && !complete && !raw ? '' : JSON.stringify(body)}${complete ? '' : ' …'}${raw ? ' raw' : ''}]`,
  );
  return `${read.join(' ')}${refused === undefined ? '' : ' refused'}`;
}

/**
 * Whether another parser read what ours accepted in the same way. What ours refuses, the other may do with as it likes;
 * `mayRefuse` says which refusals of the other are no difference.
 */
export function agrees(ours: Reading, other: Reading, mayRefuse: (reason: string) => boolean): string | undefined {
  for (let i = 0; i < ours.messages.length; i++) {
    const mine = ours.messages[i] as Message;
    const theirs = other.messages[i];
    const otherStopped = other.refused !== undefined && i >= other.messages.length - 1;
    // Only a message that is complete was accepted; one that is under way may still be refused.
    const accepted = mine.complete || mine.raw;
    if (otherStopped && (!accepted || theirs?.complete !== true)) {
      if (!accepted || mayRefuse(other.refused ?? '')) return undefined;
      return `message ${i}: ours accepts ${mine.start} with ${mine.body.length} bytes, the other refuses: ${other.refused}`;
    }
    if (theirs === undefined) return accepted ? `message ${i}: ours has ${mine.start}, the other has none` : undefined;
    if (!accepted && ours.refused !== undefined) return undefined;
    const difference = compareMessage(mine, theirs, accepted);
    if (difference !== undefined) return `message ${i}: ${difference}`;
  }
  const further = other.messages.length > ours.messages.length && ours.refused === undefined;
  if (further && ours.messages.at(-1)?.raw !== true) {
    return `the other has a further message ${other.messages[ours.messages.length]?.start}`;
  }
  return undefined;
}

function compareMessage(mine: Message, theirs: Message, accepted: boolean): string | undefined {
  if (!sameStart(mine.start, theirs.start)) return `ours ${mine.start}, the other ${theirs.start}`;
  if (accepted && mine.body !== theirs.body)
    return `bodies ${JSON.stringify(mine.body)} and ${JSON.stringify(theirs.body)}`;
  if (accepted && !mine.raw && !theirs.complete) return `${mine.start}: complete for ours, not for the other`;
  if (!accepted && theirs.complete) return `${mine.start}: complete for the other, not for ours`;
  return compareFields(mine, theirs);
}

/** Ours turns the absolute form into path and authority. */
function sameStart(mine: string, theirs: string): boolean {
  if (mine === theirs) return true;
  const target = theirs.slice(theirs.indexOf(' ') + 1);
  return !target.startsWith('/') && mine.split(' ')[0] === theirs.split(' ')[0];
}

function compareFields(mine: Message, theirs: Message): string | undefined {
  const named = theirs.fields.filter(([name]) => name === 'connection').map(([, value]) => value);
  const nominated = new Set(named.flatMap((value) => value.split(',').map((item) => item.trim().toLowerCase())));
  const text = ({ fields }: Message): string =>
    fields
      .filter(([name]) => !OURS_ALONE.has(name) && (name === 'content-length' || !nominated.has(name)))
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n');
  const [a, b] = [text(mine), text(theirs)];
  return a === b ? undefined : `fields ${JSON.stringify(a)} and ${JSON.stringify(b)}`;
}
