import { type FSWatcher, watch } from 'chokidar';
import { type Clock, systemClock, type Timer } from '../../../common/runtime/clock.js';
import { messageOf } from '../../../common/runtime/errors.js';
import { Code } from '../../api/codes.js';
import type { Finding } from '../../api/object.js';
import { Debounce } from '../debounce.js';
import type { ConfigSet, Source } from '../source.js';
import { fingerprint, mergeFiles } from './config-set.js';
import { FileCache, type FileText } from './file-cache.js';
import { type FileState, readFile } from './file-state.js';

export interface FolderOptions {
  readonly clock?: Clock;
  /** Told what goes wrong with watching; reading goes on by itself. */
  readonly onWarning?: (message: string) => void;
}

const QUIET_MS = 50;
const MAX_WAIT_MS = 300;
/** A watcher may miss an event (network folders, swapped links): the folder is looked at this often anyway. */
const LOOK_MS = 1_000;
/** Some editors remove or empty a file before they write it anew: its objects stay that long. */
const GONE_MS = 150;

/**
 * Configuration from a watched folder of YAML. Watching only says *when* to look: every look lists the whole folder and
 * reads what changed, and a change that comes during a look causes another, so no edit is missed whatever the watcher does.
 */
export class FolderSource implements Source {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  readonly #cache: FileCache;
  readonly #debounce: Debounce;
  readonly #goneSince = new Map<string, number>();
  #files: ReadonlyMap<string, FileState> = new Map();
  #onChange: ((set: ConfigSet) => void) | undefined;
  #watcher: FSWatcher | undefined;
  #poll: Timer | undefined;
  #look: Promise<void> | undefined;
  #lookAgain = false;
  #last: string | undefined;
  /** The files of the last set, unless it told of a fault of the folder's own. */
  #told: readonly FileState[] | undefined;
  #stopped = false;

  constructor(root: string, options: FolderOptions = {}) {
    this.#root = root;
    this.#clock = options.clock ?? systemClock;
    this.#warn = options.onWarning ?? (() => {});
    this.#cache = new FileCache(root, () => this.#clock.now());
    this.#debounce = new Debounce(this.#clock, { quietMs: QUIET_MS, maxMs: MAX_WAIT_MS }, () => this.#lookSoon());
  }

  /** Rejects when the folder cannot be read at the start. */
  async start(onChange: (set: ConfigSet) => void): Promise<void> {
    this.#onChange = onChange;
    // Watching begins before the first look, so that nothing falls between the two.
    await this.#watch();
    try {
      this.#apply(await this.#cache.refresh());
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#pollLater();
    this.#debounce.trigger();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#onChange = undefined;
    this.#debounce.cancel();
    this.#poll?.cancel();
    await this.#watcher?.close();
    await this.#look;
  }

  async #watch(): Promise<void> {
    const watcher = watch(this.#root, { ignoreInitial: true, persistent: true, followSymlinks: true });
    this.#watcher = watcher;
    watcher.on('all', () => this.#debounce.trigger());
    watcher.on('raw', () => this.#debounce.trigger());
    watcher.on('error', (error) =>
      this.#warn(`watching ${this.#root}: ${messageOf(error)}; looking every second instead`),
    );
    await new Promise<void>((resolve) => watcher.once('ready', resolve));
  }

  #pollLater(): void {
    if (this.#stopped) return;
    this.#poll = this.#clock.after(LOOK_MS, () => {
      this.#lookSoon();
      this.#pollLater();
    });
  }

  #lookSoon(): void {
    // Before the first set there is `start`'s own look; one at the same time could bring an older state later.
    if (this.#stopped || this.#last === undefined) return;
    if (this.#look !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#look = this.#lookNow().finally(() => {
      this.#look = undefined;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.#lookSoon();
    });
  }

  /** Never rejects. */
  async #lookNow(): Promise<void> {
    try {
      this.#apply(await this.#cache.refresh());
    } catch (error) {
      // Without its folder everything stays as it was, as with any file that cannot be read.
      const message = `the folder cannot be read: ${messageOf(error)}; the last good state stays in force`;
      this.#emit([folderFinding(this.#root, message)]);
    }
  }

  #apply(texts: readonly FileText[]): void {
    const files = new Map<string, FileState>();
    for (const text of texts) files.set(text.name, readFile(text, this.#files.get(text.name)));
    for (const [name, previous] of this.#files) {
      const current = files.get(name);
      const gone = current === undefined ? !isElsewhere(previous, texts, files) : current.text?.trim() === '';
      if (!gone || previous.objects.size === 0) this.#goneSince.delete(name);
      else if (this.#waitsForReturn(name)) files.set(name, previous);
    }
    this.#files = files;
    this.#emit([]);
  }

  /** Whether a file that is gone, or empty, may still be between two writes. */
  #waitsForReturn(name: string): boolean {
    const now = this.#clock.monotonic();
    const since = this.#goneSince.get(name);
    if (since !== undefined && now - since >= GONE_MS) {
      this.#goneSince.delete(name);
      return false;
    }
    if (since === undefined) this.#goneSince.set(name, now);
    this.#clock.after(GONE_MS, () => this.#lookSoon());
    return true;
  }

  #emit(findings: readonly Finding[]): void {
    const files = [...this.#files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    // Most looks find every file as it was, and a state with the same text is the same state.
    if (findings.length === 0 && sameItems(files, this.#told)) return;
    this.#told = findings.length === 0 ? files : undefined;
    const set = mergeFiles(files, findings);
    const print = fingerprint(set, files);
    if (print === this.#last) return;
    this.#last = print;
    this.#onChange?.(set);
  }
}

function sameItems(files: readonly FileState[], others: readonly FileState[] | undefined): boolean {
  return others !== undefined && files.length === others.length && files.every((file, i) => file === others[i]);
}

/** Whether all that a file gave stands in other files now: it was renamed. */
function isElsewhere(file: FileState, texts: readonly FileText[], files: ReadonlyMap<string, FileState>): boolean {
  return [...file.objects.keys()].every((key) => texts.some(({ name }) => files.get(name)?.objects.has(key) === true));
}

function folderFinding(root: string, message: string): Finding {
  return { code: Code.unreadable, level: 'error', object: '', file: root, line: undefined, field: '', message };
}
