import type { ObjectName } from './object-text.js';

/** What `GET /api/changes?since=MS` answers: versions of the configuration, newest first, as many as are kept. */
export interface Changes {
  readonly versions: readonly ConfigVersion[];
  readonly notes: readonly string[];
}

export interface ConfigVersion {
  readonly version: string;
  /** When it was put into force, ms since the epoch. */
  readonly time: number;
  readonly objects: readonly ChangedObject[];
  /** Connected proxies, those that have acknowledged it (or something newer), and those that refuse it. */
  readonly proxies: number;
  readonly acknowledged: number;
  readonly refused: number;
}

export interface ChangedObject extends ObjectName {
  readonly change: 'added' | 'modified' | 'removed';
  /** Unified diff of its YAML, without a head. */
  readonly diff: string;
}
