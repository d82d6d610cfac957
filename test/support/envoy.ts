import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function checkoutRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'proto', 'subset.yaml'))) dir = dirname(dir);
  return dir;
}

/** The real Envoy: `$ENVOY`, or the one that `test/envoy/setup.mjs` put into .venv-envoy; undefined when there is none. */
export function findEnvoy(): string | undefined {
  const candidates = [process.env['ENVOY'], join(checkoutRoot(), '.venv-envoy', 'bin', 'envoy')];
  return candidates.find((path) => path !== undefined && existsSync(path));
}
