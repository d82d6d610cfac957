import * as nodeModule from 'node:module';
import type { KubeConfig } from '@kubernetes/client-node';

interface Resolved {
  readonly url: string;
  readonly format?: string;
  readonly shortCircuit?: boolean;
}

type Resolve = (
  specifier: string,
  context: { readonly parentURL?: string },
  next: (specifier: string, context: object) => Resolved,
) => Resolved;

/** Of Node since 22.15. */
const { registerHooks } = nodeModule as {
  readonly registerHooks?: (hooks: { readonly resolve: Resolve }) => { deregister(): void };
};

/** What the library's class needs of its generated client, which we do not use: it is never called. */
const NOTHING = 'data:text/javascript,export const createConfiguration = undefined, ServerConfiguration = undefined;';
const CONFIG = '/@kubernetes/client-node/dist/config.js';

/**
 * The library's class, without the generated client of the whole API, where Node lets us leave it out: that takes 47 MB and a quarter
 * of a second.
 */
export async function kubeConfigClass(): Promise<typeof KubeConfig> {
  const hooks = registerHooks?.({
    resolve: (specifier, context, next) =>
      specifier === './gen/index.js' && context.parentURL?.endsWith(CONFIG) === true
        ? { url: NOTHING, format: 'module', shortCircuit: true }
        : next(specifier, context),
  });
  try {
    return (await import('@kubernetes/client-node/dist/config.js')).KubeConfig;
  } finally {
    hooks?.deregister();
  }
}
