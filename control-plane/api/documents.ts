import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  visit,
} from 'yaml';
import { messageOf } from '../../common/runtime/errors.js';
import { Code } from './codes.js';
import type { Finding, Origin } from './object.js';
import { pathSteps } from './schema/path.js';
import { isMapping } from './schema/schema.js';

/** One object of a file, as plain data; `kubectl get -o yaml` lists are taken apart. */
export interface RawObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
}

export interface ReadText {
  readonly objects: readonly RawObject[];
  readonly findings: readonly Finding[];
  /** Texts of documents that cannot be read, for whoever must guess what they were to be. */
  readonly broken: readonly { readonly text: string; readonly line: number }[];
}

/** More than Kubernetes stores of one object, and far below what would hold up the process. */
export const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_OBJECTS = 20_000;
const MAX_DEPTH = 100;
/** Aliases may repeat what they refer to so often in one document; more is an attack, not a configuration. */
const MAX_ALIASES = 100;

/** Reads YAML (or JSON, which is YAML) with any number of documents. Never throws; every fault becomes a finding. */
export function readDocuments(text: string, file: string): ReadText {
  const fault = (line: number, message: string): Finding => ({
    code: Code.unreadable,
    level: 'error',
    object: '',
    file,
    line,
    field: '',
    message,
  });
  if (text.length > MAX_FILE_BYTES) {
    const message = `the file has more than ${MAX_FILE_BYTES / 1024 / 1024} MiB; split it`;
    return { objects: [], findings: [fault(1, message)], broken: [{ text: text.slice(0, MAX_FILE_BYTES), line: 1 }] };
  }
  const tooDeep = deepLine(text) ?? deeplyIndentedLine(text);
  if (tooDeep !== undefined) {
    return {
      objects: [],
      findings: [fault(tooDeep, `nested more than ${MAX_DEPTH} deep`)],
      broken: [{ text, line: 1 }],
    };
  }
  const lines = new LineCounter();
  const documents = parse(text, lines);
  if (documents instanceof Error) {
    return { objects: [], findings: [fault(1, documents.message)], broken: [{ text, line: 1 }] };
  }
  const objects: RawObject[] = [];
  const findings: Finding[] = [];
  const broken: { text: string; line: number }[] = [];
  for (const document of documents) {
    const read = readDocument(document, file, lines);
    if ('fault' in read) {
      findings.push(fault(read.line, read.fault));
      const [from = 0, , to = text.length] = document.range;
      broken.push({ text: text.slice(from, to), line: lines.linePos(from).line });
    } else objects.push(...read.objects);
  }
  if (objects.length > MAX_OBJECTS) {
    findings.push(fault(1, `the file holds more than ${MAX_OBJECTS} objects; split it`));
    return { objects: [], findings, broken: [{ text, line: 1 }] };
  }
  return { objects, findings, broken };
}

function parse(text: string, lines: LineCounter): readonly Document.Parsed[] | Error {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter: lines,
      // Ours takes linear time.
      uniqueKeys: false,
      merge: true,
      prettyErrors: false,
      logLevel: 'silent',
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

/** Flow collections nest without indentation, so a short text can be deep enough to exhaust the stack. */
function deepLine(text: string): number | undefined {
  let depth = 0;
  let line = 1;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 10) line++;
    // Within strings brackets count too; a bound this far out may be that coarse only if they also close again.
    else if (char === 91 || char === 123) depth++;
    else if ((char === 93 || char === 125) && depth > 0) depth--;
    if (depth > MAX_DEPTH * 20) return line;
  }
  return undefined;
}

/** The same for block collections, which nest by indentation and by dashes in a row. Literal text counts too, hence twice the bound. */
function deeplyIndentedLine(text: string): number | undefined {
  const indents: number[] = [];
  let line = 0;
  for (const content of text.split('\n')) {
    line++;
    const [whole = '', spaces = ''] = /^( *)(?:- +)*/.exec(content) ?? [];
    if (whole.length === content.trimEnd().length) continue;
    while ((indents.at(-1) ?? -1) >= spaces.length) indents.pop();
    indents.push(spaces.length);
    const dashes = whole.length - whole.replaceAll('-', '').length;
    if (indents.length + dashes > MAX_DEPTH * 2) return line;
  }
  return undefined;
}

type ReadDocument = { readonly objects: readonly RawObject[] } | { readonly fault: string; readonly line: number };

function readDocument(document: Document.Parsed, file: string, lines: LineCounter): ReadDocument {
  const [error] = document.errors;
  if (error !== undefined)
    return { fault: `is no YAML: ${error.message}`, line: lines.linePos(error.pos[0]).line || 1 };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return { objects: [] };
  const line = lineOfNode(contents, lines) ?? 1;
  const fault = structureFault(document, lines);
  if (fault !== undefined) return fault;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return { fault: `is refused: ${messageOf(error)}`, line };
  }
  if (!isMapping(value)) return { fault: 'must be a mapping with apiVersion, kind and metadata', line };
  const origin = new NodeOrigin(file, contents, lines);
  if (!isList(value)) return { objects: [{ value, origin }] };
  return { objects: listItems(value, contents, origin, file, lines) };
}

function isList(value: Readonly<Record<string, unknown>>): value is { readonly items: readonly unknown[] } {
  return typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items']);
}

function listItems(
  value: { readonly items: readonly unknown[] },
  contents: ParsedNode,
  listOrigin: Origin,
  file: string,
  lines: LineCounter,
): RawObject[] {
  const nodes = isMap(contents) ? contents.get('items', true) : undefined;
  return value.items.map((item, index) => {
    const node = isSeq(nodes) ? nodes.items[index] : undefined;
    const origin = isNodeLike(node) ? new NodeOrigin(file, node, lines) : listOrigin;
    // What is no object is refused like any other object without a kind.
    return { value: isMapping(item) ? item : {}, origin };
  });
}

/** Keys given twice, and nesting beyond all reason. */
function structureFault(document: Document.Parsed, lines: LineCounter): { fault: string; line: number } | undefined {
  let found: { fault: string; line: number } | undefined;
  visit(document, {
    Map(_, node, path) {
      if (path.length > 2 * MAX_DEPTH) {
        found = { fault: `nested more than ${MAX_DEPTH} deep`, line: lineOfNode(node, lines) ?? 1 };
        return visit.BREAK;
      }
      const seen = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name) && name !== '<<') {
          found = { fault: `the key "${name}" is there twice`, line: lineOfNode(key, lines) ?? 1 };
          return visit.BREAK;
        }
        seen.add(name);
      }
      return undefined;
    },
    Seq(_, node, path) {
      if (path.length <= 2 * MAX_DEPTH) return undefined;
      found = { fault: `nested more than ${MAX_DEPTH} deep`, line: lineOfNode(node, lines) ?? 1 };
      return visit.BREAK;
    },
  });
  return found;
}

function isNodeLike(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}

function lineOfNode(node: Node, lines: LineCounter): number | undefined {
  const start = node.range?.[0];
  return start === undefined ? undefined : lines.linePos(start).line;
}

/** The place of an object in its file, found in the syntax tree when somebody asks. */
class NodeOrigin implements Origin {
  readonly file: string;
  readonly line: number;
  readonly #node: Node;
  readonly #lines: LineCounter;

  constructor(file: string, node: Node, lines: LineCounter) {
    this.file = file;
    this.line = lineOfNode(node, lines) ?? 1;
    this.#node = node;
    this.#lines = lines;
  }

  lineOf(path: string): number {
    let node: unknown = this.#node;
    let line = this.line;
    for (const step of pathSteps(path)) {
      const next = child(node, step);
      if (next === undefined) break;
      // A field's line is that of its key: its value may start on the next one.
      const at = next.key ?? next.value;
      if (isNodeLike(at)) line = lineOfNode(at, this.#lines) ?? line;
      node = next.value;
    }
    return line;
  }
}

function child(node: unknown, step: string | number): { key?: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === String(step));
    return isPair(pair) ? { key: pair.key, value: pair.value } : undefined;
  }
  if (isSeq(node) && typeof step === 'number' && step in node.items) return { value: node.items[step] };
  return undefined;
}
