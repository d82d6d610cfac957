import type { Scenario } from '../scenario.js';
import { bodies } from './bodies.js';
import { controlPlane } from './control-plane.js';
import { fanOut } from './fan-out.js';
import { grpcStreaming, grpcUnary } from './grpc.js';
import { h2Relay } from './h2-relay.js';
import { handshakes } from './handshakes.js';
import { idle } from './idle.js';
import { memory } from './memory.js';
import { mesh, meshFour } from './mesh.js';
import { openLoop } from './open-loop.js';
import { relay } from './relay.js';
import { services } from './services.js';
import { start } from './start.js';
import { surge } from './surge.js';

/** Every scenario, in the order of the tables. */
export const SCENARIOS: readonly Scenario[] = [
  relay,
  mesh,
  meshFour,
  openLoop,
  h2Relay,
  grpcUnary,
  grpcStreaming,
  bodies,
  handshakes,
  idle,
  fanOut,
  memory,
  start,
  ...controlPlane,
  services,
  surge,
];
