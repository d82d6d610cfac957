import { createLogger } from '../../../common/runtime/log.js';
import { startProxy } from '../../../proxy/app.js';
import { parseBootstrap } from '../../../proxy/bootstrap/read.js';
import { bootstrap } from './bootstrap.js';
import type { RunningProxy } from './targets.js';

/** Our proxy with a listener, the connection manager, a router and a pool, over loopback. */
export async function startOwn(upstreamPort: number, word: string): Promise<RunningProxy | string> {
  const loaded = parseBootstrap(JSON.stringify(bootstrap(upstreamPort, word)));
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  const app = await startProxy(loaded.config, { log: createLogger('fuzz', 'silent') });
  const port = app.addresses().get('ingress')?.[0]?.port ?? 0;
  return { port, stop: () => app.stop() };
}
