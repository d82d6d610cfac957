import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';
import { KeptMessage } from '../xds/kept-message.js';

/** One resource as it was received, for /config_dump. */
export interface DumpEntry {
  readonly name: string;
  /** Version of the response that brought what is in force; empty for resources of the bootstrap. */
  readonly version: string;
  readonly message: object;
  /** Milliseconds since the epoch. */
  readonly lastUpdated: number;
  /** The latest update that was refused, until a good one comes. */
  readonly refused: { readonly version: string; readonly errors: readonly string[]; readonly at: number } | undefined;
}

/** Who can tell the resources of one type that are in force. */
export interface DumpSource {
  readonly typeUrl: ResourceTypeUrl;
  dump(): readonly DumpEntry[];
}

interface Kept extends Omit<DumpEntry, 'message' | 'refused'> {
  readonly message: KeptMessage<object>;
}

/** Keeps the raw resources of one type with their versions. */
export class DumpRecord {
  private readonly entries = new Map<string, Kept>();
  private readonly rejected = new Map<string, NonNullable<DumpEntry['refused']>>();

  constructor(private readonly typeUrl: ResourceTypeUrl) {}

  accept(name: string, message: object, version: string, at: number): void {
    this.rejected.delete(name);
    this.entries.set(name, { name, version, message: new KeptMessage(this.typeUrl, message), lastUpdated: at });
  }

  refuse(name: string, version: string, errors: readonly string[], at: number): void {
    this.rejected.set(name, { version, errors, at });
  }

  remove(name: string): void {
    this.entries.delete(name);
    this.rejected.delete(name);
  }

  /** Refused resources that never had a good state come with an empty message. */
  list(): readonly DumpEntry[] {
    const list: DumpEntry[] = [...this.entries.values()].map((entry) => ({
      ...entry,
      message: entry.message.get(),
      refused: this.rejected.get(entry.name),
    }));
    for (const [name, refused] of this.rejected) {
      if (!this.entries.has(name)) list.push({ name, version: '', message: {}, lastUpdated: refused.at, refused });
    }
    return list;
  }
}
