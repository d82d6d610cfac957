import type { HeaderList } from '../../http/headers.js';
import type { RequestHead } from '../../http/message.js';
import { pathOnly } from '../../router/actions/rewrite.js';

/** How a header gets its value: as a field of its own, at the end of one that is there, or in its place. */
export type HeaderAction = 'add' | 'append-if-exists' | 'set';

export interface HeaderChange {
  /** Lower-case. */
  readonly name: string;
  readonly value: string;
  readonly action: HeaderAction;
}

export interface Permit {
  readonly kind: 'ok';
  readonly request: readonly HeaderChange[];
  readonly remove: readonly string[];
  readonly response: readonly HeaderChange[];
  readonly query: { readonly set: readonly (readonly [string, string])[]; readonly remove: readonly string[] };
}

/** What an authorization service says of a request, or that it could not be asked. */
export type Verdict =
  | Permit
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly body: string;
      readonly headers: readonly (readonly [string, string])[];
    }
  | { readonly kind: 'error'; readonly reason: string };

/** Whether a permit changes what routes may depend on. */
export function changesRequest({ request, remove, query }: Permit): boolean {
  return request.length > 0 || remove.length > 0 || query.set.length > 0 || query.remove.length > 0;
}

/** Headers and query as the service wants them; what makes the request what it is stays. */
export function changeRequest(head: RequestHead, permit: Permit): void {
  applyHeaders(head.headers, permit.request);
  for (const name of permit.remove) if (isChangeable(name)) head.headers.delete(name);
  const { set, remove } = permit.query;
  if (set.length === 0 && remove.length === 0) return;
  const plain = pathOnly(head.path);
  const query = parametersOf(head.path.slice(plain.length + 1));
  for (const [key, value] of set) query.set(key, [value]);
  for (const key of remove) query.delete(key);
  const names = [...query.keys()].sort();
  const text = names.flatMap((key) => (query.get(key) ?? []).map((value) => `${key}=${value}`)).join('&');
  head.path = text === '' ? plain : `${plain}?${text.replace(UNWRITABLE, encodeURIComponent)}`;
}

/** What would end the request line, or is none of its characters. */
const UNWRITABLE = /[^\x21-\x7e]+/gu;

/** As they were written: nothing is decoded, so that nothing changes its meaning. Envoy sorts them by name, too. */
function parametersOf(text: string): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const key = at < 0 ? part : part.slice(0, at);
    const values = all.get(key) ?? [];
    values.push(at < 0 ? '' : part.slice(at + 1));
    all.set(key, values);
  }
  return all;
}

export function applyHeaders(headers: HeaderList, changes: readonly HeaderChange[]): void {
  for (const { name, value, action } of changes) {
    if (!isChangeable(name)) continue;
    if (action === 'set') headers.set(name, value);
    else if (action === 'add') headers.append(name, value);
    else if (headers.has(name)) headers.set(name, `${headers.joined(name) ?? ''},${value}`);
  }
}

/** Fields that say where a message ends, or whom it is for, are nobody's to change. */
const FRAMING: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade']);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function isChangeable(name: string): boolean {
  return NAME.test(name) && !FRAMING.has(name);
}
