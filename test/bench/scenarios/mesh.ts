import { meshChain } from '../chains.js';
import { closedLoop, http1Order } from '../closed-loop.js';
import type { Scenario } from '../scenario.js';

export const mesh: Scenario = {
  name: 'mesh',
  title: "client's and server's sidecar over mTLS, 32 connections, 1 KiB answers",
  run: async (context) =>
    closedLoop(context, {
      kinds: ['weft', 'envoy', 'envoy-h2'],
      chain: await meshChain(context),
      load: 'http1',
      order: http1Order(32),
      targets: {
        cpu: [
          { against: 'envoy', ratioAtMost: 0.4 },
          { against: 'envoy-h2', ratioAtMost: 0.6 },
        ],
        rps: [
          { against: 'envoy', ratioAtLeast: 2.5 },
          { against: 'envoy-h2', ratioAtLeast: 1.7 },
        ],
      },
    }),
};

export const meshFour: Scenario = {
  name: 'mesh-4',
  title: "client's and server's sidecar over mTLS, 4 connections, 1 KiB answers",
  run: async (context) =>
    closedLoop(context, {
      kinds: ['weft', 'envoy-h2'],
      chain: await meshChain(context),
      load: 'http1',
      order: http1Order(4),
      targets: {
        cpu: [{ against: 'envoy-h2', ratioAtMost: 0.65 }],
        p50: [{ against: 'envoy-h2', ratioAtMost: 0.6 }],
      },
    }),
};
