import { clientBootstrap, type Speaks, serverBootstrap } from './bootstrap.js';
import type { MakeBootstrap } from './contender.js';
import { createIdentities } from './identities.js';
import type { Context } from './scenario.js';

/** A client's sidecar and a server's, with certificates of a fresh root. */
export async function meshChain(
  { folder }: Pick<Context, 'folder'>,
  speaks: Speaks = 'http1',
): Promise<readonly MakeBootstrap[]> {
  const { client, server } = await createIdentities(folder);
  return [
    (place) => clientBootstrap(place, client, server.uri),
    (place) => serverBootstrap(place, server, client.uri, speaks),
  ];
}
