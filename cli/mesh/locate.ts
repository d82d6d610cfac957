import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ControlPlaneState } from '../../control-plane/state-file.js';
import { UsageError } from '../command.js';

/** Where `weft demo` keeps everything, relative to the folder in which it is called. */
export const DEMO_HOME = '.weft/demo';

export function defaultStateDirectory(): string {
  return process.env['WEFT_STATE'] ?? join(DEMO_HOME, 'state');
}

/** The control plane that runs on a state folder. Throws a UsageError that says what to do when there is none. */
export function locateControlPlane(stateDirectory: string): ControlPlaneState {
  const path = join(resolve(stateDirectory), 'control-plane.json');
  if (!existsSync(path)) {
    throw new UsageError(
      `no control plane runs on the state folder ${stateDirectory} (${path} is missing). Start one with \`weft demo\`, or name its folder with --state DIR.`,
    );
  }
  return JSON.parse(readFileSync(path, 'utf8')) as ControlPlaneState;
}
