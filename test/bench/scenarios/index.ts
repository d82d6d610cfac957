import type { Scenario } from '../scenario.js';
import { h2Relay } from './h2-relay.js';
import { mesh, meshFour } from './mesh.js';
import { relay } from './relay.js';

/** Every scenario, in the order of the tables. */
export const SCENARIOS: readonly Scenario[] = [relay, mesh, meshFour, h2Relay];
