import type { V1Container, V1HTTPGetAction, V1LifecycleHandler, V1Pod, V1Probe } from '@kubernetes/client-node';
import { SIDECAR } from './config.js';

/** A check of the application that the sidecar makes for the kubelet, as `ISTIO_KUBE_APP_PROBERS` has it. */
export interface AppProber {
  readonly httpGet?: V1HTTPGetAction;
  readonly tcpSocket?: NonNullable<V1Probe['tcpSocket']>;
  readonly grpc?: NonNullable<V1Probe['grpc']>;
  readonly timeoutSeconds?: number;
}

export interface RewrittenProbes {
  readonly pod: V1Pod;
  /** By path at the sidecar's status port. */
  readonly probers: Readonly<Record<string, AppProber>>;
}

/**
 * The kubelet has no certificate of the mesh and comes from outside the pod: its HTTP, TCP and gRPC checks are led to the
 * sidecar's status port, which asks the application from inside. A check of a port that does not exist stays as it is.
 */
export function rewriteAppProbes(pod: V1Pod, statusPort: number): RewrittenProbes {
  const probers: Record<string, AppProber> = {};
  const rewritten = (containers: readonly V1Container[]): V1Container[] =>
    containers.map((container) =>
      container.name === SIDECAR ? container : ofContainer(container, statusPort, probers),
    );
  const spec = pod.spec ?? { containers: [] };
  const changed = {
    ...pod,
    spec: {
      ...spec,
      containers: rewritten(spec.containers),
      ...(spec.initContainers === undefined ? {} : { initContainers: rewritten(spec.initContainers) }),
    },
  };
  return { pod: changed, probers };
}

function ofContainer(container: V1Container, statusPort: number, probers: Record<string, AppProber>): V1Container {
  const lead = <T extends V1Probe | V1LifecycleHandler>(check: T, path: string): T => {
    const prober = proberOf(check, container, statusPort);
    if (prober === undefined) return check;
    probers[path] = prober;
    return ledTo(check, path, statusPort);
  };
  const { readinessProbe, livenessProbe, startupProbe, lifecycle } = container;
  const health = `/app-health/${container.name}`;
  const hooks = `/app-lifecycle/${container.name}`;
  return {
    ...container,
    ...(readinessProbe === undefined ? {} : { readinessProbe: lead(readinessProbe, `${health}/readyz`) }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: lead(livenessProbe, `${health}/livez`) }),
    ...(startupProbe === undefined ? {} : { startupProbe: lead(startupProbe, `${health}/startupz`) }),
    ...(lifecycle === undefined
      ? {}
      : {
          lifecycle: {
            ...lifecycle,
            ...(lifecycle.preStop === undefined ? {} : { preStop: lead(lifecycle.preStop, `${hooks}/prestopz`) }),
            ...(lifecycle.postStart === undefined
              ? {}
              : { postStart: lead(lifecycle.postStart, `${hooks}/poststartz`) }),
          },
        }),
  };
}

function proberOf(
  check: V1Probe | V1LifecycleHandler,
  container: V1Container,
  statusPort: number,
): AppProber | undefined {
  const timeout = 'timeoutSeconds' in check && check.timeoutSeconds ? { timeoutSeconds: check.timeoutSeconds } : {};
  if ('grpc' in check && check.grpc !== undefined) return { grpc: check.grpc, ...timeout };
  const { httpGet, tcpSocket } = check;
  const port = numberOf(httpGet?.port ?? tcpSocket?.port, container);
  if (port === undefined || port === statusPort) return undefined;
  if (httpGet !== undefined) return { httpGet: { ...httpGet, port }, ...timeout };
  return tcpSocket === undefined ? undefined : { tcpSocket: { ...tcpSocket, port }, ...timeout };
}

function numberOf(port: string | number | undefined, container: V1Container): number | undefined {
  if (typeof port === 'number') return port;
  if (port === undefined) return undefined;
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

/** The sidecar speaks plain HTTP to the kubelet, whatever it speaks to the application. */
function ledTo<T extends V1Probe | V1LifecycleHandler>(check: T, path: string, port: number): T {
  const { httpGet, tcpSocket: _tcp, ...rest } = check;
  if ('grpc' in rest) delete rest.grpc;
  const { host: _host, ...kept } = httpGet ?? { port };
  const scheme = httpGet?.scheme === undefined ? {} : { scheme: 'HTTP' };
  return { ...rest, httpGet: { ...kept, ...scheme, path, port } } as T;
}
