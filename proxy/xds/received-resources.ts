import { type ReceivedResource, undecodable } from './decode.js';
import type { ResourceError, Upserts } from './resources.js';

/** The resources of a response, decoded as a handler takes them. What cannot be decoded is left out and noted. */
export class ReceivedResources implements Upserts {
  /** Of what was taken so far. */
  readonly errors: ResourceError[] = [];
  private readonly byName: ReadonlyMap<string, ReceivedResource>;

  /** Of several resources of a name the last one counts. */
  constructor(resources: readonly ReceivedResource[]) {
    this.byName = new Map(resources.map((resource) => [resource.name, resource]));
  }

  get size(): number {
    return this.byName.size;
  }

  keys(): Iterable<string> {
    return this.byName.keys();
  }

  get(name: string): object | undefined {
    const resource = this.byName.get(name);
    if (resource === undefined) return undefined;
    try {
      return resource.message();
    } catch (error) {
      this.errors.push(undecodable(name, error));
      return undefined;
    }
  }

  *[Symbol.iterator](): Iterator<readonly [string, object]> {
    for (const name of this.byName.keys()) {
      const message = this.get(name);
      if (message !== undefined) yield [name, message];
    }
  }
}
