import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { InjectionConfig } from '../../control-plane/webhooks/inject/config.js';
import type { InjectionNote } from '../../control-plane/webhooks/inject/workloads.js';
import { UsageError } from '../command.js';

interface Options {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly output: 'yaml' | 'json';
  readonly set: readonly string[];
  readonly values: readonly string[];
  readonly meshConfig?: string;
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** `weft inject`: what the injector would make of pods, without a cluster. */
export function configure(command: Command): void {
  command
    .option('-f, --filename <file>', 'YAML or JSON, - for standard input; may be repeated', collect, [])
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .addOption(new Option('-o, --output <format>', 'yaml or json').choices(['yaml', 'json']).default('yaml'))
    .option('--set <name=value>', 'one value of the installation, as of weft install; may be repeated', collect, [])
    .option('--values <file>', "YAML of the installation's values; may be repeated", collect, [])
    .option('--mesh-config <file>', 'YAML of MeshConfig, for defaultConfig and the like')
    .addHelpText(
      'after',
      `
Pods, and whatever has a template of pods (Deployments, Jobs, …; Lists too), get a sidecar unless they refuse it. What was
done is told on standard error. Pods that are annotated wrongly end it with exit code 1.

Examples:
  weft inject -f deployment.yaml | kubectl apply -f -
  kubectl get deployment reviews -o yaml | weft inject -f - --set image.tag=0.1.0`,
    )
    .action(async (options: Options) => {
      if (options.filename.length === 0) throw new UsageError('-f FILE is required; - reads standard input');
      const { parseAllDocuments, stringify } = await import('yaml');
      const { injectDocument } = await import('../../control-plane/webhooks/inject/workloads.js');
      const config = await installationOf(options);
      const parts = options.filename
        .flatMap((file) => parseAllDocuments(readFileSync(file === '-' ? 0 : file, 'utf8')))
        .map((document) => {
          const [fault] = document.errors;
          if (fault !== undefined) throw new UsageError(fault.message);
          return document.toJSON() as unknown;
        })
        .filter((object) => object !== null)
        .map((object) => injectDocument(object, options.namespace, config));
      const documents = parts.map(({ document }) => document);
      if (options.output === 'json') {
        const [only] = documents;
        const all = documents.length === 1 ? only : { apiVersion: 'v1', kind: 'List', items: documents };
        process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
      } else {
        const texts = documents.map((document) => stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 }));
        process.stdout.write(texts.join('---\n'));
      }
      const notes = parts.flatMap((part) => part.notes);
      for (const note of notes) process.stderr.write(describe(note));
      if (notes.some(({ outcome }) => outcome === 'refused')) process.exitCode = 1;
    });
}

/** The injector's configuration as an installation with the same values would have it. */
async function installationOf({ set, values: files, meshConfig }: Options): Promise<InjectionConfig> {
  const { mergeValues, setting } = await import('../install/overrides.js');
  const { DEFAULTS } = await import('../install/values.js');
  const { imageOf } = await import('../install/manifests/names.js');
  const { injectionFromEnvironment } = await import('../../control-plane/webhooks/inject/installation.js');
  const { withMesh } = await import('../../control-plane/webhooks/inject/mesh-values.js');
  const { parse } = await import('yaml');
  const read = (file: string): unknown => parse(readFileSync(file, 'utf8'));
  const values = mergeValues(DEFAULTS, ...files.map(read), ...set.map(setting));
  const { image, proxy, injection, namespace } = values;
  const environment = {
    PROXY_IMAGE: imageOf(values, 'weft-proxy'),
    PROXY_IMAGE_PULL_POLICY: image.pullPolicy,
    PROXY_LOG_LEVEL: proxy.logLevel,
    PROXY_RESOURCES: JSON.stringify(proxy.resources),
    NATIVE_SIDECARS: injection.nativeSidecars,
  };
  const written = meshConfig === undefined ? {} : read(meshConfig);
  const mesh = typeof written === 'object' && written !== null ? written : {};
  return withMesh(injectionFromEnvironment(environment, namespace), { ...values.meshConfig, ...mesh });
}

function describe({ object, outcome, messages }: InjectionNote): string {
  if (messages.length === 0) return `${object}: ${outcome}\n`;
  return messages.map((message) => `${object}: ${outcome}: ${message}\n`).join('');
}
