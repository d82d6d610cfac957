import type { Scenario } from '../scenario.js';
import { mesh, meshFour } from './mesh.js';
import { relay } from './relay.js';

/** Every scenario, in the order of the tables. */
export const SCENARIOS: readonly Scenario[] = [relay, mesh, meshFour];
