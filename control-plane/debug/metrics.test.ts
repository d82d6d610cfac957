import { expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { buildSnapshot } from '../model/build.js';
import { allot, bookinfo, configSet } from '../translate/testing/case.js';
import type { ProxyStatus, TypeStatus } from '../xds/status.js';
import { ControlPlaneMetrics } from './metrics.js';

it('shows what istiod shows, by its names', async () => {
  let now = 1_700_000_000_000;
  const metrics = new ControlPlaneMetrics({ ...systemClock, now: () => now });
  const set = configSet(bookinfo());
  const end = now + 3_600_000;
  metrics.watchAuthority(() => ({ notAfter: end, rootNotAfter: end }));
  metrics.snapshotTaken(buildSnapshot(set, allot(set)), 3, 12);
  metrics.xds.sent(TYPE.listener, 5000);
  metrics.xds.generated(20, 4);
  const type = (reason?: string): TypeStatus =>
    ({ lastNack: reason === undefined ? undefined : { reason, at: '', resource: '' } }) as TypeStatus;
  const types = { CDS: { ...type(), status: 'STALE' as const }, EDS: type(), LDS: type('bad'), RDS: type() };
  metrics.watch(() => [{ types } as ProxyStatus]);
  now += 600_000;
  const text = await metrics.registry.metrics();
  for (const line of [
    'pilot_services 2',
    'pilot_virt_services 0',
    'pilot_eds_no_instances 0',
    'pilot_total_rejected_configs 3',
    'pilot_push_triggers{type="config"} 1',
    'pilot_xds_pushes{type="lds"} 1',
    'pilot_xds_config_size_bytes_sum{type="lds"} 5000',
    'pilot_proxy_queue_time_sum 0.02',
    'pilot_xds_push_time_sum{type="all"} 0.004',
    'pilot_pushcontext_init_seconds_count 1',
    'pilot_xds_lds_reject 1',
    'pilot_xds_cds_reject 0',
    'weft_xds_stale_proxies 1',
    'istiod_uptime_seconds 600',
    'citadel_server_root_cert_expiry_timestamp 1700003600',
    'citadel_server_root_cert_expiry_seconds 3000',
    'citadel_server_cert_chain_expiry_seconds 3000',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});
