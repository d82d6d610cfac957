#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * The `weft` program. A sidecar is started from its bundle where the build has made one: a file instead of hundreds, in half
 * the time.
 */
const bundled = new URL('../sidecar/bundle.cjs', import.meta.url);
if (process.argv[2] === 'proxy' && existsSync(bundled)) createRequire(import.meta.url)('./sidecar/start.cjs');
else await import('./weft.js');
