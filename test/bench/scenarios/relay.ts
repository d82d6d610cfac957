import { relayBootstrap } from '../bootstrap.js';
import { closedLoop, http1Order } from '../closed-loop.js';
import type { Scenario } from '../scenario.js';

export const relay: Scenario = {
  name: 'relay',
  title: 'plain HTTP/1.1 through one proxy, 32 connections, 1 KiB answers',
  run: (context) =>
    closedLoop(context, {
      kinds: ['weft', 'envoy'],
      chain: [relayBootstrap],
      orientation: true,
      load: 'http1',
      order: http1Order(32),
      targets: { cpu: [{ against: 'envoy', ratioAtMost: 0.7 }] },
    }),
};
