import type { CommandModule } from './command.js';

/** The commands of a program; each is a file under commands/ that is loaded only when it is called. */
export type Commands = Readonly<Record<string, { readonly summary: string; load(): Promise<CommandModule> }>>;

/** What the sidecar's container runs: these are in its bundle too. */
export const SIDECAR_COMMANDS: Commands = {
  proxy: {
    summary: 'run a sidecar: from an Envoy bootstrap file, or in a pod',
    load: () => import('./commands/proxy.js'),
  },
  wait: { summary: 'wait until the sidecar of this pod is ready', load: () => import('./commands/wait.js') },
  request: {
    summary: 'ask the sidecar of this pod, as a Job does at its end',
    load: () => import('./commands/request.js'),
  },
  init: { summary: "lead a pod's traffic through its sidecar (iptables)", load: () => import('./commands/init.js') },
};
