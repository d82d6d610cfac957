import { createHash } from 'node:crypto';
import { decodeMessage } from '../../common/xds/codec.js';
import type { DeltaRequest } from './service.js';

/** Field numbers of envoy.service.discovery.v3.DeltaDiscoveryRequest: what names every resource, and comes in a row. */
const LISTS = { resource_names_subscribe: 3, initial_resource_versions: 5 } as const;
const MESSAGE = 'type.googleapis.com/envoy.service.discovery.v3.DeltaDiscoveryRequest';
/** Octets. */
const LEAST = 2048;
const MOST_KEPT = 8 * 1024 * 1024;

type ListField = keyof typeof LISTS;
type Lists = Pick<DeltaRequest, ListField>;

/** Where elements of a list stand in a message. */
interface Row {
  readonly field: number;
  readonly start: number;
  end: number;
}

/**
 * Reads subscriptions. A thousand proxies that come back at once ask for the same thousand names, and have the same versions of
 * them: what they say alike is decoded once, and is the same object for all, which nobody changes.
 */
export class DeltaRequestReader {
  /** By a hash of the octets; what was not asked for the longest comes first. */
  private readonly known = new Map<string, { readonly lists: Lists; readonly size: number }>();
  private kept = 0;

  /** Octets that are no such message throw. */
  read(bytes: Buffer): DeltaRequest {
    const rows = bytes.length < LEAST ? [] : longRows(bytes);
    if (rows.length === 0) return decodeMessage<DeltaRequest>(MESSAGE, bytes);
    const rest: Buffer[] = [];
    let at = 0;
    for (const { start, end } of rows) {
      rest.push(bytes.subarray(at, start));
      at = end;
    }
    rest.push(bytes.subarray(at));
    const request = decodeMessage<DeltaRequest>(MESSAGE, Buffer.concat(rest));
    return Object.assign(request, ...rows.map(({ start, end }) => this.lists(bytes.subarray(start, end))));
  }

  private lists(row: Buffer): Lists {
    const key = createHash('sha256').update(row).digest('base64');
    const known = this.known.get(key);
    if (known !== undefined) {
      this.known.delete(key);
      this.known.set(key, known);
      return known.lists;
    }
    const lists = decodeMessage<DeltaRequest>(MESSAGE, row);
    this.keep(key, { lists, size: row.length });
    return lists;
  }

  private keep(key: string, entry: { readonly lists: Lists; readonly size: number }): void {
    this.known.set(key, entry);
    this.kept += entry.size;
    for (const [oldest, { size }] of this.known) {
      if (this.kept <= MOST_KEPT) return;
      this.known.delete(oldest);
      this.kept -= size;
    }
  }
}

/** Rows of lists; none for a message in which a list is not in one row, or that is not to be understood. */
function longRows(bytes: Buffer): Row[] {
  const rows: Row[] = [];
  const fields: readonly number[] = Object.values(LISTS);
  let last: Row | undefined;
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const field = tag >> 3;
    // All of its fields are length-delimited, with tags of one octet.
    if ((tag & 7) !== 2 || tag > 0x7f) return [];
    const end = endOfField(bytes, at + 1);
    if (end === undefined) return [];
    if (last?.field === field) last.end = end;
    else {
      last = undefined;
      if (fields.includes(field)) {
        if (rows.some((row) => row.field === field)) return [];
        last = { field, start: at, end };
        rows.push(last);
      }
    }
    at = end;
  }
  return rows.filter(({ start, end }) => end - start >= LEAST);
}

/** Where a length-delimited field ends, whose length stands at `start`; undefined when that is outside. */
function endOfField(bytes: Buffer, start: number): number | undefined {
  let length = 0;
  for (let at = start, shift = 0; shift < 28; at++, shift += 7) {
    const octet = bytes[at];
    if (octet === undefined) return undefined;
    length |= (octet & 0x7f) << shift;
    if (octet < 0x80) return at + 1 + length <= bytes.length ? at + 1 + length : undefined;
  }
  return undefined;
}
