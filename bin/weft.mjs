#!/usr/bin/env node
// The `weft` program: builds the checkout if its sources changed, then runs the compiled CLI.
import { build } from './build.mjs';

if (!build()) process.exit(1);
await import('../dist/cli/main.js');
