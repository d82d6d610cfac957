import { AnalysisCode } from './codes.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** ALLOW_ANY asks for a way out to hosts that the mesh does not know, which an application's HTTP proxy has not. */
export function checkEgress(registry: Registry, report: Reporter): void {
  // Where there are pods, packets are captured.
  if (registry.all('Pod').length > 0) return;
  for (const object of registry.all('ConfigMap')) {
    if (object.spec.mesh?.outboundTrafficPolicy?.mode?.startsWith('ALLOW_ANY') !== true) continue;
    report.warning(
      object,
      AnalysisCode.noEgress,
      'data.mesh.outboundTrafficPolicy.mode',
      'without packet capture, requests to hosts that no ServiceEntry knows get 502 all the same',
    );
  }
}
