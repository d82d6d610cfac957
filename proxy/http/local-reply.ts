import { HeaderList } from './headers.js';
import type { ResponseHead } from './message.js';
import type { LocalReply } from './stream.js';

/** The head of a local reply: text/plain and its length when it has a body, then the reply's own fields. */
export function localReplyHead(reply: LocalReply): ResponseHead {
  const headers = new HeaderList();
  if (reply.body !== '') {
    headers.appendKnown('content-length', 'content-length', String(Buffer.byteLength(reply.body)));
    headers.appendKnown('content-type', 'content-type', 'text/plain');
  }
  if (reply.headers !== undefined) {
    for (const [name, value] of reply.headers) {
      if (name.toLowerCase() === 'content-type') headers.set('content-type', value);
      else headers.append(name, value);
    }
  }
  return { status: reply.status, reason: '', headers };
}
