import { type Commands, SIDECAR_COMMANDS } from './commands.js';
import { runProgram } from './program.js';

const COMMANDS: Commands = {
  demo: {
    summary: 'run a whole mesh on this machine, steered by a folder of YAML',
    load: () => import('./commands/demo.js'),
  },
  dashboard: { summary: 'see the mesh in the browser', load: () => import('./commands/dashboard.js') },
  'proxy-status': {
    summary: 'show which configuration every sidecar has',
    load: () => import('./commands/proxy-status.js'),
  },
  'proxy-config': {
    summary: 'show the configuration inside one sidecar',
    load: () => import('./commands/proxy-config.js'),
  },
  ca: { summary: 'show the roots of the mesh, and replace them', load: () => import('./commands/ca.js') },
  stat: {
    summary: 'show success, rate and latency of workloads, services, namespaces and edges',
    load: () => import('./commands/stat.js'),
  },
  edges: { summary: 'show who talks to whom, and by which identities', load: () => import('./commands/edges.js') },
  top: { summary: 'show which requests there are most of, live', load: () => import('./commands/top.js') },
  tap: { summary: 'show requests as they happen', load: () => import('./commands/tap.js') },
  describe: {
    summary: 'say what applies to a pod, workload or service, and why',
    load: () => import('./commands/describe.js'),
  },
  explain: { summary: 'say what would become of a request', load: () => import('./commands/explain.js') },
  history: {
    summary: 'show the versions of the configuration, and what each changed',
    load: () => import('./commands/history.js'),
  },
  rollback: {
    summary: 'take the data plane back to an earlier version of the configuration',
    load: () => import('./commands/rollback.js'),
  },
  resume: {
    summary: 'follow the objects again after a rollback',
    load: () => import('./commands/resume.js'),
  },
  bypass: {
    summary: 'make sidecars plain pass-through, until it is lifted',
    load: () => import('./commands/bypass.js'),
  },
  'bug-report': {
    summary: 'gather what helps to find a fault, without secrets, in one archive',
    load: () => import('./commands/bug-report.js'),
  },
  authz: { summary: 'say who may do what at a workload, and why', load: () => import('./commands/authz.js') },
  authn: { summary: 'say who speaks mTLS, from real traffic', load: () => import('./commands/authn.js') },
  analyze: { summary: 'find what is wrong in a folder of configuration', load: () => import('./commands/analyze.js') },
  install: {
    summary: 'print what `kubectl apply` installs in a cluster',
    load: () => import('./commands/install.js'),
  },
  check: {
    summary: 'say whether a cluster is ready for Weft, or Weft is well in it',
    load: () => import('./commands/check.js'),
  },
  uninstall: {
    summary: 'take Weft out of a cluster',
    load: () => import('./commands/uninstall.js'),
  },
  'control-plane': {
    summary: 'run the control plane on a folder or in a cluster',
    load: () => import('./commands/control-plane.js'),
  },
  ...SIDECAR_COMMANDS,
  inject: { summary: 'add sidecars to pods in files', load: () => import('./commands/inject.js') },
  'check-inject': {
    summary: 'say why a pod has a sidecar, or has none',
    load: () => import('./commands/check-inject.js'),
  },
  bootstrap: {
    summary: 'print the bootstrap with which a sidecar joins',
    load: () => import('./commands/bootstrap.js'),
  },
  agent: { summary: 'let a real Envoy join as a workload', load: () => import('./commands/agent.js') },
  bookinfo: { summary: 'run one service of the sample application', load: () => import('./commands/bookinfo.js') },
};

await runProgram(COMMANDS);
