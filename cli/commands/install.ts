import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { parse, stringify } from 'yaml';
import { UsageError } from '../command.js';

interface Options {
  readonly profile: 'minimal' | 'default' | 'demo';
  readonly set: readonly string[];
  readonly values: readonly string[];
  readonly skipCrds: boolean;
  readonly output: 'yaml' | 'json';
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** `weft install`: the objects of an installation, for `kubectl apply`. Nothing is changed by it. */
export function configure(command: Command): void {
  command
    .addOption(
      new Option('--profile <name>', 'what to start from').choices(['minimal', 'default', 'demo']).default('default'),
    )
    .option('--set <name=value>', 'one value, e.g. controlPlane.replicas=3; may be repeated', collect, [])
    .option('-f, --values <file>', 'YAML of values; may be repeated', collect, [])
    .option('--skip-crds', 'leave the custom resource definitions out, e.g. where Istio’s are installed', false)
    .addOption(new Option('-o, --output <format>', 'yaml or json').choices(['yaml', 'json']).default('yaml'))
    .addHelpText(
      'after',
      `
Profiles: minimal (one control plane), default (two, and an ingress gateway), demo (small, with both gateways).

Examples:
  weft install | kubectl apply --server-side -f -
  weft install --profile demo --set image.hub=registry.example/weft --set image.tag=0.1.0 | kubectl apply -f -
  weft install -f values.yaml --skip-crds > weft.yaml

The same values belong to the Helm chart in deploy/chart. Afterwards: weft check`,
    )
    .action(async (options: Options) => {
      const { mergeValues, setting } = await import('../install/overrides.js');
      const { PROFILES } = await import('../install/values.js');
      const { crdTexts, installation } = await import('../install/sections.js');
      const values = mergeValues(
        PROFILES[options.profile],
        ...options.values.map(readValues),
        ...options.set.map(setting),
      );
      const crds = options.skipCrds ? [] : crdTexts();
      const objects = installation(values);
      if (options.output === 'json') {
        const items = [...crds.map((text): unknown => parse(text)), ...objects];
        process.stdout.write(`${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2)}\n`);
        return;
      }
      process.stdout.write(
        [...crds, ...objects.map((object) => stringify(object, { aliasDuplicateObjects: false }))].join('---\n'),
      );
    });
}

function readValues(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
