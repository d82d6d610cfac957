// Builds the public test programs (h2spec, gRPC's interop client and server) and our callers of go-spiffe and zlint into
// .suites/. Where Go or its module proxy cannot be had it says so in one line and the tests that need them are skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(dirname(dirname(here)), '.suites');
const PROGRAMS = {
  h2spec: 'github.com/summerwind/h2spec/cmd/h2spec',
  'interop-client': 'google.golang.org/grpc/interop/client',
  'interop-server': 'google.golang.org/grpc/interop/server',
  x509check: './x509check',
  'workload-client': './workload-client',
};
const MINUTES_MS = 5 * 60_000;

function build(name, module) {
  const go = spawnSync('go', ['build', '-o', join(out, name), module], {
    cwd: join(here, 'go'),
    env: { ...process.env, GOFLAGS: '-mod=readonly' },
    encoding: 'utf8',
    timeout: MINUTES_MS,
  });
  if (go.status === 0) return undefined;
  return (go.error?.message ?? go.stderr ?? '').trim().split('\n').pop() || `ended by ${go.signal}`;
}

mkdirSync(out, { recursive: true });
for (const [name, module] of Object.entries(PROGRAMS)) {
  if (existsSync(join(out, name))) continue;
  const problem = build(name, module);
  if (problem === undefined) continue;
  process.stderr.write(`No ${name}: ${problem}. The tests that need it are skipped.\n`);
}

/** Maven Central's `io.zipkin:zipkin-server`, classifier exec, which Java runs. */
const ZIPKIN = '3.6.1';

async function fetchZipkin() {
  const path = join(out, 'zipkin.jar');
  if (existsSync(path)) return undefined;
  if (spawnSync('java', ['-version']).status !== 0) return 'there is no Java';
  const base = 'https://repo1.maven.org/maven2/io/zipkin/zipkin-server';
  const answer = await fetch(`${base}/${ZIPKIN}/zipkin-server-${ZIPKIN}-exec.jar`, {
    signal: AbortSignal.timeout(MINUTES_MS),
  });
  if (!answer.ok) return `Maven Central answers ${answer.status}`;
  // Whole or not at all: a jar that broke off would fail every later run.
  writeFileSync(`${path}.part`, Buffer.from(await answer.arrayBuffer()));
  renameSync(`${path}.part`, path);
  return undefined;
}

const missing = await fetchZipkin().catch((error) => String(error.cause?.message ?? error.message));
if (missing !== undefined) process.stderr.write(`No Zipkin: ${missing}. The test that needs it is skipped.\n`);
