import type { Scenario } from '../scenario.js';
import { bodies } from './bodies.js';
import { fanOut } from './fan-out.js';
import { grpcStreaming, grpcUnary } from './grpc.js';
import { h2Relay } from './h2-relay.js';
import { handshakes } from './handshakes.js';
import { idle } from './idle.js';
import { mesh, meshFour } from './mesh.js';
import { relay } from './relay.js';

/** Every scenario, in the order of the tables. */
export const SCENARIOS: readonly Scenario[] = [
  relay,
  mesh,
  meshFour,
  h2Relay,
  grpcUnary,
  grpcStreaming,
  bodies,
  handshakes,
  idle,
  fanOut,
];
