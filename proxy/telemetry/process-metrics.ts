import type { Registry } from 'prom-client';
import { programVersion } from '../../common/runtime/version.js';
import { registerSource } from './metric-source.js';

/** What this process is and what it costs. Its own names: the application's metrics stand on the same page. */
export function registerProcessMetrics(registry: Registry): void {
  registerSource(registry, {
    name: 'istio_build',
    help: 'What runs, and its release.',
    type: 'gauge',
    collect: () => [{ labels: { component: 'proxy', tag: programVersion() }, value: 1 }],
  });
  registerSource(registry, {
    name: 'weft_proxy_cpu_seconds_total',
    help: 'Processor time that the proxy has used, in seconds.',
    type: 'counter',
    collect: () => {
      const { user, system } = process.cpuUsage();
      return [{ labels: {}, value: (user + system) / 1e6 }];
    },
  });
}
