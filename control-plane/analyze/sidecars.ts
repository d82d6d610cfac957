import type { IstioIngressListener, SidecarSpec } from '../api/kinds/sidecar.js';
import type { ConfigObject } from '../api/object.js';
import { PeerAuthentications } from '../model/peer-authentication.js';
import { AnalysisCode } from './codes.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Ingress listeners of Sidecars that have no effect as they are. */
export function checkSidecars(registry: Registry, report: Reporter): void {
  const sidecars = registry.all('Sidecar').filter(({ spec }) => (spec.ingress ?? []).length > 0);
  if (sidecars.length === 0) return;
  const peers = new PeerAuthentications(
    registry.all('PeerAuthentication'),
    registry.set.unreadablePolicies,
    registry.rootNamespace,
  );
  for (const object of sidecars) {
    for (const [i, listener] of (object.spec.ingress ?? []).entries()) {
      const path = `spec.ingress[${i}]`;
      checkLoop(object, listener, path, report);
      checkTls(object, listener, path, { registry, peers, report });
    }
  }
}

/** The sidecar listens at the port itself, so the application must be elsewhere. */
function checkLoop(
  object: ConfigObject<SidecarSpec>,
  { captureMode, defaultEndpoint = '', port, bind = '' }: IstioIngressListener,
  path: string,
  report: Reporter,
): void {
  if (captureMode !== 'NONE') return;
  const everywhere = bind === '' || bind === '0.0.0.0' || bind === '::';
  const same = everywhere && new RegExp(`^[^/]*:${port.number}$`).test(defaultEndpoint);
  if (defaultEndpoint !== '' && !same) return;
  report.error(
    object,
    AnalysisCode.ingressWithoutEffect,
    `${path}.defaultEndpoint`,
    `must lead elsewhere than to port ${port.number}, at which the sidecar itself is to listen (captureMode NONE): the port is not opened`,
  );
}

function checkTls(
  object: ConfigObject<SidecarSpec>,
  { tls, port }: IstioIngressListener,
  path: string,
  { registry, peers, report }: { registry: Registry; peers: PeerAuthentications; report: Reporter },
): void {
  const number = port.number;
  if (tls === undefined || number === undefined) return;
  const { namespace } = object.metadata;
  const workloads = registry.selected(namespace, object.spec.workloadSelector?.labels ?? {});
  if (workloads.every((workload) => peers.mode(workload, number) === 'disable')) return;
  report.warning(
    object,
    AnalysisCode.ingressWithoutEffect,
    `${path}.tls`,
    `has no effect: TLS ends here only where a PeerAuthentication says DISABLE for port ${number}`,
  );
}
