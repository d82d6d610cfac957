import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sidecars, twoSidecars } from './pair.js';
import { program, run, startServer } from './programs.js';

const client = program('interop-client');
const serverPath = program('interop-server');
const present = client !== undefined && serverPath !== undefined;

/** All that pass without a mesh; `pick_first_unary` and the ones for ORCA do not. */
const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'rpc_soak',
  'channel_soak',
] as const;

describe.skipIf(!present)("gRPC's interop tests through two sidecars over mTLS", () => {
  let server: Awaited<ReturnType<typeof startServer>> | undefined;
  let sidecars: Sidecars | undefined;

  beforeAll(async () => {
    server = await startServer(serverPath!, (port) => [`--port=${port}`]);
    sidecars = await twoSidecars(server.port, 'http2');
  });
  afterAll(async () => {
    await sidecars?.stop();
    server?.stop();
  });

  it.each(CASES)('%s', async (name) => {
    const args = ['--server_host=127.0.0.1', `--server_port=${sidecars?.port}`, `--test_case=${name}`];
    const { code, output } = await run(client!, args, 30_000);
    expect(code, output).toBe(0);
  });
});
