import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';

/** What one resource type does with what an xDS server sends. One implementation a type. */
export interface ResourceHandler {
  readonly typeUrl: ResourceTypeUrl;
  /**
   * Validates each resource by itself, compiles and publishes the good ones. A bad one leaves its last good state in
   * force and is named in the result, which becomes a NACK. The next update waits for a promised result.
   */
  apply(update: ResourceUpdate): readonly ResourceError[] | Promise<readonly ResourceError[]>;
}

export interface ResourceUpdate {
  readonly upserts: Upserts;
  /** Names that are gone. For state of the world the caller has worked them out. */
  readonly removals: readonly string[];
  /** Version of the response, for config_dump. */
  readonly version: string;
}

/** Decoded messages by resource name; a map is one. Going through them may decode each at its turn. */
export interface Upserts extends Iterable<readonly [name: string, message: object]> {
  readonly size: number;
  keys(): Iterable<string>;
  get(name: string): object | undefined;
}

export interface ResourceError {
  readonly resource: string;
  readonly message: string;
}
