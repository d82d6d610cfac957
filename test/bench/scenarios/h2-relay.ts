import { h2RelayBootstrap } from '../bootstrap.js';
import { closedLoop } from '../closed-loop.js';
import type { H2Order } from '../load/h2.js';
import type { Scenario } from '../scenario.js';

export const h2Relay: Scenario = {
  name: 'h2-relay',
  title: 'cleartext HTTP/2 through one proxy, 4 connections of 8 streams, 1 KiB answers',
  run: (context) =>
    closedLoop<H2Order>(context, {
      load: 'h2',
      kinds: ['weft', 'envoy'],
      chain: [h2RelayBootstrap],
      order: (port, ms) => ({ port, connections: 4, streams: 8, ms }),
      targets: { cpu: [{ against: 'envoy', ratioAtMost: 0.6 }] },
    }),
};
