/** One of the application's probes or lifecycle handlers, as the injector moved it here. */
export type Prober = { readonly timeoutMs: number } & (
  | {
      readonly kind: 'http';
      readonly port: number;
      readonly path: string;
      readonly https: boolean;
      readonly host: string;
      readonly headers: readonly (readonly [name: string, value: string])[];
    }
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
);

const PATH = /^\/app-(?:health\/[^/]+\/(?:livez|readyz|startupz)|lifecycle\/[^/]+\/(?:prestopz|poststartz))$/;
const DEFAULT_TIMEOUT_MS = 10_000;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads ISTIO_KUBE_APP_PROBERS: Kubernetes' probe objects by the path under which the kubelet asks for them.
 * Throws an Error that says what is wrong.
 */
export function readProbers(json: string): ReadonlyMap<string, Prober> {
  const probers = new Map<string, Prober>();
  if (json.trim() === '') return probers;
  const value: unknown = JSON.parse(json);
  if (!isObject(value)) throw new Error('ISTIO_KUBE_APP_PROBERS is not an object');
  for (const [path, probe] of Object.entries(value)) {
    if (!PATH.test(path)) throw new Error(`ISTIO_KUBE_APP_PROBERS: '${path}' is not the path of a probe`);
    if (!isObject(probe)) throw new Error(`ISTIO_KUBE_APP_PROBERS: '${path}' is not a probe`);
    probers.set(path, readProber(path, probe));
  }
  return probers;
}

function readProber(path: string, probe: Json): Prober {
  const { httpGet, tcpSocket, grpc, timeoutSeconds } = probe;
  const timeoutMs =
    typeof timeoutSeconds === 'number' && timeoutSeconds > 0 ? timeoutSeconds * 1000 : DEFAULT_TIMEOUT_MS;
  if (isObject(httpGet)) {
    const headers = Array.isArray(httpGet['httpHeaders']) ? httpGet['httpHeaders'].filter(isObject) : [];
    const target = textOf(httpGet['path']);
    return {
      kind: 'http',
      timeoutMs,
      port: portOf(path, httpGet['port']),
      path: target.startsWith('/') ? target : `/${target}`,
      https: textOf(httpGet['scheme']).toUpperCase() === 'HTTPS',
      host: textOf(httpGet['host']),
      headers: headers.map((header) => [textOf(header['name']), textOf(header['value'])] as const),
    };
  }
  if (isObject(tcpSocket)) return { kind: 'tcp', timeoutMs, port: portOf(path, tcpSocket['port']) };
  if (isObject(grpc)) {
    return { kind: 'grpc', timeoutMs, port: portOf(path, grpc['port']), service: textOf(grpc['service']) };
  }
  throw new Error(`ISTIO_KUBE_APP_PROBERS: '${path}' has neither httpGet nor tcpSocket nor grpc`);
}

/** The injector has looked up the names of ports. */
function portOf(path: string, value: unknown): number {
  const port = Number(value);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new Error(`ISTIO_KUBE_APP_PROBERS: '${path}' has no port number`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
