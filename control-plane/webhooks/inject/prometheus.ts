import type { V1Pod } from '@kubernetes/client-node';
import { readBool } from './annotations.js';

/** What stood in `prometheus.io/*`, for `ISTIO_PROMETHEUS_ANNOTATIONS`. */
export interface AppScrape {
  readonly scrape: string;
  readonly path: string;
  readonly port: string;
}

export interface MergedMetrics {
  readonly annotations: Readonly<Record<string, string>>;
  /** Where the application has metrics of its own. */
  readonly scrape?: AppScrape;
}

const NAMES = ['prometheus_io_scrape', 'prometheus_io_path', 'prometheus_io_port'];

/** Ports of the sidecar itself: none of them has metrics of the application. */
const OWN_PORTS = ['15000', '15001', '15006', '15020', '15021', '15053', '15090'];

/**
 * One scrape gives the metrics of sidecar and application: the annotations point to the sidecar, which asks the
 * application where they pointed before. Undefined where the pod does not want to be scraped.
 */
export function mergeMetrics(pod: V1Pod, statusPort: number): MergedMetrics | undefined {
  const annotations = pod.metadata?.annotations ?? {};
  const read = (name: string): string | undefined =>
    Object.entries(annotations).find(([key]) => sanitized(key) === name)?.[1];
  const [scrape, path, port] = NAMES.map(read);
  if (readBool(scrape) === false || port === String(statusPort)) return undefined;
  const others = Object.fromEntries(Object.entries(annotations).filter(([key]) => !NAMES.includes(sanitized(key))));
  const merged = {
    ...others,
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(statusPort),
    'prometheus.io/path': '/stats/prometheus',
  };
  const nothing = scrape === undefined && path === undefined && port === undefined;
  if (nothing || (port !== undefined && OWN_PORTS.includes(port))) return { annotations: merged };
  return { annotations: merged, scrape: { scrape: scrape ?? '', path: path ?? '', port: port ?? '' } };
}

/** As Prometheus makes label names: `prometheus.io/port` and `prometheus_io_port` are one. */
function sanitized(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}
