import type { Command } from 'commander';
import { UsageError } from '../command.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';

interface CheckOptions extends MeshOptions {
  readonly output: OutputFormat;
}

interface ExplainOptions extends CheckOptions {
  readonly from: string;
  readonly to: string;
  readonly header: readonly string[];
  readonly port?: string;
  readonly host?: string;
  readonly ip?: string;
}

/** A port of `/weft/authz/rules`. */
interface PortRules {
  readonly port: number;
  readonly secured: string;
  readonly protocol: string;
  readonly rules: readonly {
    readonly action: string;
    readonly policy: string;
    readonly dryRun?: boolean;
    readonly asks?: string;
  }[];
}

/** An answer of `/weft/authz/explain`. */
interface Decision {
  readonly port: number;
  readonly secured: string;
  readonly protocol: string;
  readonly decision: string;
  readonly action: string;
  readonly policy: string;
  readonly because: string;
  readonly notes: readonly string[];
}

/** `weft authz`: who may do what, as a workload's sidecar decides it. */
export function configure(command: Command): void {
  configureCheck(command.command('check <workload>').description('list the rules that a workload’s sidecar enforces'));
  configureExplain(
    command
      .command('explain <method> <path>')
      .description('say whether a request would be let in, and which rule decides'),
  );
}

function configureCheck(command: Command): void {
  meshOptions(command)
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
The rules are those in force in the sidecar, in the order in which they are asked: CUSTOM, AUDIT, DENY, ALLOW.

Examples:
  weft authz check reviews-v1
  weft authz check deploy/reviews -n bookinfo -o yaml`,
    )
    .action(async (workload: string, options: CheckOptions) => {
      const proxy = await (await openMesh(options)).proxy(named(workload, options));
      const ports = JSON.parse(await proxy.get('/weft/authz/rules')) as PortRules[];
      print(options.output, ports, () => describeRules(ports));
    });
}

function configureExplain(command: Command): void {
  const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];
  meshOptions(command)
    .requiredOption(
      '--from <account>',
      'NAMESPACE/ACCOUNT, ACCOUNT, a SPIFFE ID, or "plaintext" for a client without mTLS',
    )
    .requiredOption('--to <workload>', 'the workload that is called')
    .option('--header <header>', '"NAME: VALUE"; may be given several times', collect, [])
    .option('--port <port>', 'port of the application; otherwise every one')
    .option('--host <name>', 'the host that the request is for')
    .option('--ip <address>', 'address of the client')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
The sidecar of the workload decides it with the matcher, and the configuration, that requests meet. The exit code is 1 where any port denies.

Examples:
  weft authz explain --from productpage --to reviews-v1 GET /reviews/0
  weft authz explain --from shop/cart --to payments-v1 --port 8080 --header 'x-team: red' POST /pay
  weft authz explain --from plaintext --to reviews-v1 GET / -o json`,
    )
    .action(async (method: string, path: string, options: ExplainOptions) => {
      if (!path.startsWith('/')) throw new UsageError(`the path begins with "/", not as "${path}"`);
      const proxy = await (await openMesh(options)).proxy(named(options.to, options));
      const query = new URLSearchParams({ from: account(options), method, path });
      for (const header of options.header) query.append('header', header);
      for (const key of ['port', 'host', 'ip'] as const) {
        const value = options[key];
        if (value !== undefined) query.set(key, value);
      }
      const decisions = JSON.parse(await proxy.get(`/weft/authz/explain?${query.toString()}`)) as Decision[];
      print(options.output, decisions, () => describeDecisions(decisions));
      if (decisions.some(({ decision }) => decision === 'denied')) process.exitCode = 1;
    });
}

function named(workload: string, { namespace }: MeshOptions): string {
  return namespace === undefined || workload.includes('.') || workload.includes('/')
    ? workload
    : `${workload}.${namespace}`;
}

/** An account without a namespace is one of the namespace that is meant. */
function account({ from, namespace = 'default' }: ExplainOptions): string {
  return from === 'plaintext' || from.includes('/') ? from : `${namespace}/${from}`;
}

function describeRules(ports: readonly PortRules[]): string {
  const rows = ports.flatMap(({ port, secured, protocol, rules }) => {
    const place = [port === 0 ? 'any other' : String(port), secured, protocol];
    if (rules.length === 0) return [[...place, '-', 'everything is let in']];
    return rules.map(({ action, policy, dryRun, asks }) => [
      ...place,
      dryRun === true ? `${action} (dry run)` : action,
      asks === undefined ? policy : `${policy}, asks ${asks}`,
    ]);
  });
  return formatTable(['PORT', 'CLIENTS', 'PROTOCOL', 'ACTION', 'RULE'], rows);
}

function describeDecisions(decisions: readonly Decision[]): string {
  const rows = decisions.map(({ port, secured, protocol, decision, action, policy, because }) => [
    port === 0 ? 'any other' : String(port),
    secured,
    protocol,
    decision,
    policy === '' ? because : `${action} ${policy}`,
  ]);
  const notes = decisions.flatMap(({ port, notes: all }) => all.map((note) => `${port}: ${note}`));
  return [formatTable(['PORT', 'CLIENT', 'PROTOCOL', 'DECISION', 'BY'], rows), ...notes].join('\n');
}
