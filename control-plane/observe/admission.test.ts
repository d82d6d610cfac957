import { expect, it } from 'vitest';
import type { KubernetesApi } from '../kubernetes/api.js';
import { admitByToken } from './admission.js';

function api(authenticated: boolean, allowed: boolean): Pick<KubernetesApi, 'request'> {
  return {
    request: <T>({ path }: { readonly path: string }) =>
      Promise.resolve(
        (path.endsWith('tokenreviews')
          ? { status: { authenticated, user: { username: 'jane', groups: ['ops'] } } }
          : { status: { allowed } }) as T,
      ),
  };
}

it.each([
  ['no token', undefined, true, true, 401],
  ['an unknown token', 'x', false, true, 403],
  ['somebody who may not', 'x', true, false, 403],
  ['somebody who may', 'x', true, true, undefined],
] as const)('%s', async (_name, token, authenticated, allowed, status) => {
  expect((await admitByToken(api(authenticated, allowed))(token))?.status).toBe(status);
});
