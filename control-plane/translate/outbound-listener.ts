import type { Listener } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { SidecarPorts } from '../model/allotment.js';
import { accessLogs } from './access-log.js';
import { connectionManager } from './connection-manager.js';
import type { ProxyContext } from './context.js';
import { adsSource, ipAddress } from './messages.js';
import { HTTP_PROXY_ROUTES } from './outbound-routes.js';
import { outsideFilters } from './outside.js';
import { statsFields } from './stats-config.js';
import { tracingFields } from './tracing.js';

/** The listener that an application uses as its HTTP proxy. */
export function outboundListener(context: ProxyContext, ports: SidecarPorts): Listener {
  const { snapshot, client, node } = context;
  // Who may use it goes out under the workload's identity: it is for this machine only.
  const address = ports.address.startsWith('127.') ? ports.address : '127.0.0.1';
  return {
    name: `${address}_${ports.outbound}`,
    address: ipAddress(address, ports.outbound),
    traffic_direction: 'OUTBOUND',
    filter_chains: [
      {
        filters: [
          connectionManager({
            direction: 'outbound',
            statPrefix: `outbound_${address}_${ports.outbound}`,
            routes: { rds: { config_source: adsSource, route_config_name: HTTP_PROXY_ROUTES } },
            rbac: [],
            accessLogs: accessLogs(context, client, 'CLIENT'),
            tracing: tracingFields(context, 'CLIENT'),
            metrics: statsFields(context, 'CLIENT'),
            istioFilters: node.dataPlane === 'weft',
            settings: snapshot.settings,
            last: outsideFilters(context),
          }),
        ],
      },
    ],
  };
}
