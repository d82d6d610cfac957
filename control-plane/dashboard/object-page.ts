import { isNode, LineCounter, parseDocument } from 'yaml';
import type { ObjectFinding, ObjectText } from '../../common/observe/object-text.js';
import { objectTitle } from '../api/finding.js';
import { type ConfigObject, type Finding, objectKey } from '../api/object.js';
import { objectYaml } from '../api/object-yaml.js';
import { redacted } from '../debug/redact.js';
import { type DebugPage, json, plain } from '../debug/server.js';
import type { ConfigSet } from '../sources/source.js';

/** What the page asks of the configuration in force. */
export interface ObjectSubject {
  readonly configuration: () => ConfigSet | undefined;
  readonly findings: () => readonly Finding[];
}

/** Kinds whose content is nobody's business here: keys, and settings that are not the mesh's. */
const HIDDEN: ReadonlySet<string> = new Set(['Secret', 'ConfigMap', 'Pod', 'Node']);

/** `/api/object`: one object as YAML, with what `analyze` says about its lines. */
export function objectPage(subject: ObjectSubject): readonly [path: string, page: DebugPage] {
  return [
    '/api/object',
    (query) => {
      const [kind = '', namespace = '', name = ''] = ['kind', 'namespace', 'name'].map((part) => query.get(part) ?? '');
      const found = subject.configuration()?.objects.get(objectKey(kind, namespace, name));
      if (found === undefined || HIDDEN.has(kind)) return plain(`no ${kind} ${namespace}/${name} can be shown`, 404);
      return json(objectText(found, subject.findings()));
    },
  ];
}

/** More than this of all objects is not told at once. */
const MAX_YAML = 5_000_000;

/** `/api/objects`: all that may be shown, as one YAML text, in the order of their names. */
export function objectsPage(subject: Pick<ObjectSubject, 'configuration'>): readonly [path: string, page: DebugPage] {
  return [
    '/api/objects',
    () => {
      let text = '';
      for (const [, object] of [...(subject.configuration()?.objects ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (HIDDEN.has(object.kind)) continue;
        text += `---\n${objectYaml(object, redacted(object.spec))}`;
        if (text.length > MAX_YAML) return plain(`${text.slice(0, MAX_YAML)}\n# and more`);
      }
      return plain(text);
    },
  ];
}

/** An object as the control plane has it: without what it does not read, and without secrets. */
export function objectText(object: ConfigObject, findings: readonly Finding[]): ObjectText {
  const { apiVersion, kind, metadata, spec, origin } = object;
  const { namespace, name } = metadata;
  const yaml = objectYaml(object, redacted(spec));
  const title = objectTitle(kind, namespace, name);
  return {
    apiVersion,
    kind,
    namespace,
    name,
    ...(origin !== undefined && { place: `${origin.file}:${origin.line}` }),
    yaml,
    findings: placed(
      yaml,
      findings.filter((finding) => finding.object === title),
    ),
  };
}

/** Findings on the lines of their fields in `yaml`, or of the nearest parent that is there. */
function placed(yaml: string, findings: readonly Finding[]): ObjectFinding[] {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines });
  const lineOf = (field: string): number | undefined => {
    for (let path = pathOf(field); path.length > 0; path = path.slice(0, -1)) {
      const node = document.getIn(path, true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  };
  return findings.map(({ code, level, field, message }) => {
    const line = lineOf(field);
    return { code, level, field, message, ...(line !== undefined && { line }) };
  });
}

/** `spec.http[0].route` → `['spec', 'http', 0, 'route']`. */
function pathOf(field: string): (string | number)[] {
  return [...field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    index === undefined ? (name ?? '') : Number(index),
  );
}
