import { SIDECAR_COMMANDS } from '../commands.js';
import { runProgram } from '../program.js';

// The entry of the bundle (bin/bundle.mjs).
void runProgram(SIDECAR_COMMANDS);
