import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { formatFinding } from '../../control-plane/api/finding.js';
import type { Finding } from '../../control-plane/api/object.js';
import { UsageError } from '../command.js';
import { type ClusterOptions, clusterOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';

interface Options extends ClusterOptions {
  readonly output: OutputFormat;
  readonly failureThreshold: Finding['level'];
  readonly allNamespaces: boolean;
  readonly clusterDomain: string;
  readonly filename: readonly string[];
}

/** What was looked at, and what is wrong there. */
interface Analysis {
  readonly findings: readonly Finding[];
  readonly subject: string;
}

const SEVERITY: Record<Finding['level'], number> = { error: 2, warning: 1, info: 0 };
const LABEL: Record<Finding['level'], string> = { error: 'Error', warning: 'Warning', info: 'Info' };
const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** `weft analyze`: what is wrong in a folder of configuration, or in a cluster. */
export function configure(command: Command): void {
  clusterOptions(command, "only findings of this namespace; otherwise the context's")
    .argument('[dir]', 'folder of YAML; without it the cluster of the kubeconfig')
    .option('-A, --all-namespaces', 'findings of every namespace of the cluster', false)
    .option('--cluster-domain <domain>', 'DNS domain of the services', 'cluster.local')
    .option(
      '-f, --filename <file>',
      'file, folder or - on top of the cluster: what would be wrong after applying it; may be repeated',
      collect,
      [],
    )
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addOption(
      new Option('--failure-threshold <level>', 'exit code 1 from this level on')
        .choices(['error', 'warning', 'info'])
        .default('error'),
    )
    .addHelpText(
      'after',
      `
Of a cluster everything is read that you may read, and nothing is changed.

Examples:
  weft analyze .weft/demo/config
  weft analyze ./istio -o json --failure-threshold warning
  weft analyze -n bookinfo
  weft analyze -A --context kind-kind
  weft analyze -f new-routes.yaml`,
    )
    .action(async (dir: string | undefined, options: Options) => {
      const { setClusterDomain } = await import('../../control-plane/api/hosts.js');
      setClusterDomain(options.clusterDomain);
      const { findings, subject } = dir === undefined ? await ofCluster(options) : await ofFolder(dir, options);
      print(options.output, findings, () => describe(findings, subject));
      const worst = Math.max(-1, ...findings.map((finding) => SEVERITY[finding.level]));
      process.exitCode = worst >= SEVERITY[options.failureThreshold] ? 1 : 0;
    });
}

async function ofFolder(dir: string, { filename, allNamespaces, kubeconfig, context }: Options): Promise<Analysis> {
  if (filename.length > 0 || allNamespaces || kubeconfig !== undefined || context !== undefined)
    throw new UsageError('a folder is looked at by itself; on top of the cluster it goes with -f DIR');
  if (!existsSync(dir)) throw new UsageError(`there is no folder ${dir}`);
  const { readFolder } = await import('../../control-plane/sources/folder/read-folder.js');
  const { analyze } = await import('../../control-plane/analyze/analyze.js');
  return { findings: analyze(await readFolder(dir)), subject: dir };
}

async function ofCluster(options: Options): Promise<Analysis> {
  const { explained, openCluster } = await import('../mesh/cluster.js');
  const { readCluster } = await import('../../control-plane/sources/kubernetes/read-cluster.js');
  const { overlay, readFiles } = await import('../../control-plane/sources/folder/read-files.js');
  const { analyze } = await import('../../control-plane/analyze/analyze.js');
  const cluster = await openCluster(options);
  const { namespace, rootNamespace, api, title } = cluster;
  for (const path of options.filename)
    if (path !== '-' && !existsSync(path)) throw new UsageError(`there is no file or folder ${path}`);
  const files = await readFiles(options.filename, namespace);
  const places = [namespace, rootNamespace, ...[...files.objects.values()].map(({ metadata }) => metadata.namespace)];
  const { set, gaps } = await readCluster(api, {
    rootNamespace,
    namespaces: places.filter((place) => place !== ''),
  }).catch((error: unknown) => {
    throw explained(error, title);
  });
  for (const gap of gaps) process.stderr.write(`weft: ${gap}\n`);
  const all = analyze(overlay(set, files));
  if (options.allNamespaces) return { findings: all, subject: title };
  return {
    findings: all.filter((finding) => concerns(finding, namespace)),
    subject: `namespace ${namespace} of ${title}`,
  };
}

/** What stands in a file that is to be applied concerns its user wherever it goes. */
function concerns({ object, file }: Finding, namespace: string): boolean {
  const [, place = ''] = /^\S+ ([^/]*)\//.exec(object) ?? [];
  return file !== undefined || place === '' || place === namespace;
}

function describe(findings: readonly Finding[], subject: string): string {
  if (findings.length === 0) return `Nothing to say about ${subject}.`;
  const lines = findings.map((finding) => `${formatFinding(finding)} [${LABEL[finding.level]} ${finding.code}]`);
  const of = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return [...lines, `${of('error')} errors, ${of('warning')} warnings, ${of('info')} infos.`].join('\n');
}
