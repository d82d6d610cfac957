import { stringify } from 'yaml';
import { mergeValues } from './overrides.js';
import { sections } from './sections.js';
import { DEFAULTS, type InstallValues, PROFILES } from './values.js';

/**
 * The files of the Helm chart, by path. The templates are the very objects that `weft install` prints, with references in
 * the places of the values: so the two cannot drift apart. Its `crds` is a link to deploy/crds.
 */
export function chartFiles(appVersion: string): Map<string, string> {
  const files = new Map<string, string>();
  files.set('Chart.yaml', chartYaml(appVersion));
  files.set('values.yaml', `# Written by \`npm run gen:chart\` from cli/install/values.ts.\n${valuesYaml(DEFAULTS)}`);
  for (const [name, overrides] of Object.entries(PROFILES)) {
    if (name !== 'default') files.set(`profiles/${name}.yaml`, valuesYaml(mergeValues(overrides)));
  }
  const others = new Map(templates(false).map(({ name, text }) => [name, text]));
  for (const { name, condition, text } of templates(true)) {
    const other = others.get(name) ?? '';
    if (condition !== undefined)
      files.set(`templates/${name}.yaml`, `{{- if .Values.${condition} }}\n${text}{{- end }}\n`);
    else if (text === other) files.set(`templates/${name}.yaml`, text);
    else {
      const both = `{{- if .Values.${BY_DEFAULT} }}\n${text}{{- else }}\n${other}{{- end }}\n`;
      files.set(`templates/${name}.yaml`, both);
    }
  }
  return files;
}

/** The one value that changes what objects there are, besides whole sections. */
const BY_DEFAULT = 'injection.enableNamespacesByDefault';

function templates(
  enableNamespacesByDefault: boolean,
): { name: string; condition: string | undefined; text: string }[] {
  const values = references();
  const named = { ...values, injection: { ...values.injection, enableNamespacesByDefault } };
  return sections(named, REFERENCE_MESH).map(({ name, condition, objects }) => ({
    name,
    condition,
    text: objects
      .map((object) => unquoted(stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })))
      .join('---\n')
      .replace(/(name: INJECT_BY_DEFAULT\n +value: )"(?:true|false)"/, `$1"{{ .Values.${BY_DEFAULT} }}"`),
  }));
}

function chartYaml(appVersion: string): string {
  return stringify({
    apiVersion: 'v2',
    name: 'weft',
    description: 'A service mesh: an xDS control plane and L7 sidecars that speak Istio’s API.',
    type: 'application',
    version: appVersion,
    appVersion,
    // The webhooks have matchConditions.
    kubeVersion: '>=1.28.0-0',
  });
}

/** Helm installs into the namespace that it is told. */
function valuesYaml({ namespace: _namespace, ...values }: InstallValues): string {
  return stringify(values, { aliasDuplicateObjects: false });
}

/** A value of which the template holds a whole YAML block. */
const BLOCK = '@@block:';

const REFERENCE_MESH = `${BLOCK}mesh@@`;

/** Every value as the expression that Helm replaces by it. */
function references(): InstallValues {
  const refer = (value: unknown, path: readonly string[]): unknown => {
    const name = path.at(-1) ?? '';
    if (path.length === 1 && name === 'namespace') return '{{ .Release.Namespace }}';
    if (name === 'resources') return { [`${BLOCK}${path.join('.')}@@`]: 0 };
    if (name === 'enabled') return true;
    if (typeof value !== 'object' || value === null) return `{{ .Values.${path.join('.')} }}`;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, refer(one, [...path, key])]));
  };
  return refer(DEFAULTS, []) as InstallValues;
}

/** Numbers lose their quotes, and blocks are written out at their indentation. */
function unquoted(text: string): string {
  return text
    .replace(/^( *)(.*): *\n +"?@@block:([\w.]+)@@"?: 0$/gm, (_all, indent: string, key: string, path: string) => {
      return `${indent}${key}:\n${indent}  {{- toYaml .Values.${path} | nindent ${indent.length + 2} }}`;
    })
    .replace(/^( *)mesh: "?@@block:mesh@@"?$/gm, (_all, indent: string) => {
      const value = 'merge (deepCopy .Values.meshConfig) (dict "rootNamespace" .Release.Namespace)';
      return `${indent}mesh: |\n${indent}  {{- toYaml (${value}) | nindent ${indent.length + 2} }}`;
    })
    .replace(/(replicas): "?(\{\{ .*? \}\})"?$/gm, '$1: $2')
    .replace(/"\{\\"@@block:([\w.]+)@@\\":0\}"|'\{"@@block:([\w.]+)@@":0\}'/g, (_all, a?: string, b?: string) => {
      return `{{ toJson .Values.${a ?? b} | quote }}`;
    });
}
