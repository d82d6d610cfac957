import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { parse } from 'yaml';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { fromJson } from '../../common/xds/json.js';
import type { ResourceHandler } from './resources.js';

const RESPONSE = 'type.googleapis.com/envoy.service.discovery.v3.DiscoveryResponse';
/** Files are looked at this often: rename, replacement and mounted volumes all show that way. */
const INTERVAL_MS = 500;

interface FileResponse {
  readonly version_info?: string;
  readonly resources?: readonly { readonly '@type'?: string; readonly name?: string }[];
}

/**
 * Resources from a file with a DiscoveryResponse (path_config_source), read again when it changes. The file is complete: what
 * it leaves out is removed. A file that cannot be read leaves the resources in force.
 */
export class FileSource {
  private known = new Set<string>();
  private read = false;

  constructor(
    private readonly path: string,
    private readonly handler: ResourceHandler,
    private readonly log: Logger,
  ) {}

  /** Whether the file was applied once. */
  get received(): boolean {
    return this.read;
  }

  async start(): Promise<void> {
    watchFile(this.path, { interval: INTERVAL_MS, persistent: false }, () => {
      this.load().catch((error: unknown) =>
        this.log.error({ path: this.path, error: messageOf(error) }, 'not applied'),
      );
    });
    await this.load();
  }

  stop(): void {
    unwatchFile(this.path);
  }

  private async load(): Promise<void> {
    const response = this.parse();
    if (response === undefined) return;
    const upserts = new Map((response.resources ?? []).map((resource) => [resource.name ?? '', resource]));
    const removals = [...this.known].filter((name) => !upserts.has(name));
    const errors = await this.handler.apply({ upserts, removals, version: response.version_info ?? '' });
    this.known = new Set(upserts.keys());
    this.read = true;
    if (errors.length > 0) this.log.warn({ path: this.path, errors }, 'resources rejected');
  }

  private parse(): FileResponse | undefined {
    try {
      const { message, errors } = fromJson(RESPONSE, parse(readFileSync(this.path, 'utf8')));
      if (errors.length === 0) return message;
      this.log.warn({ path: this.path, errors }, 'resource file is not valid');
    } catch (error) {
      this.log.warn({ path: this.path, error: messageOf(error) }, 'resource file cannot be read');
    }
    return undefined;
  }
}
