import type { Clock } from '../../common/runtime/clock.js';
import type { DrainSettings } from './pod-environment.js';

export interface LeavingProxy {
  /** Asks inbound connections to go; new ones are still served, and outbound goes on. */
  leave(): void;
  readonly inboundConnections: number;
}

const POLL_MS = 500;

/**
 * The end of a pod as Istio's agent does it: endpoints are withdrawn while this runs, so inbound is served on for the drain
 * time, or, where that is asked for, until nobody is connected.
 */
export async function terminate(proxy: LeavingProxy, settings: DrainSettings, clock: Clock): Promise<void> {
  proxy.leave();
  if (!settings.exitOnZeroConnections) {
    await pause(clock, settings.terminationMs);
    return;
  }
  await pause(clock, settings.minimumMs);
  while (proxy.inboundConnections > 0) await pause(clock, POLL_MS);
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
