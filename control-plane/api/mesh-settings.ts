import { readDocuments } from './documents.js';
import type { MeshConfigSpec } from './kinds/mesh-config.js';
import type { Origin } from './object.js';
import type { Report } from './schema/report.js';
import { meshConfig } from './schemas/mesh-config.js';

/** Field of the ConfigMap that holds the settings, as YAML in a text. */
const FIELD = 'data.mesh';

/** Reads MeshConfig out of its ConfigMap. Lines count from the text's place in the outer file. */
export function parseMeshConfig(
  text: string,
  origin: Origin | undefined,
  report: Report,
): { readonly mesh: MeshConfigSpec | undefined; readonly origin: Origin | undefined } {
  const { objects, findings } = readDocuments(text, origin?.file ?? '');
  for (const { line, message } of findings) report.error(FIELD, `line ${line ?? 1} of the text ${message}`);
  const [first] = objects;
  if (first === undefined) return { mesh: {}, origin };
  const mesh = meshConfig.parse(first.value, FIELD, report);
  return { mesh, origin: origin && new InnerOrigin(origin, first.origin) };
}

/** Places in a text within a text: a block scalar (`mesh: |-`) starts on the line after its key. */
class InnerOrigin implements Origin {
  readonly #outer: Origin;
  readonly #inner: Origin;

  constructor(outer: Origin, inner: Origin) {
    this.#outer = outer;
    this.#inner = inner;
  }

  get file(): string {
    return this.#outer.file;
  }

  get line(): number {
    return this.#outer.line;
  }

  lineOf(path: string): number {
    if (!path.startsWith(`${FIELD}.`)) return this.#outer.lineOf(path);
    return this.#outer.lineOf(FIELD) + this.#inner.lineOf(path.slice(FIELD.length + 1));
  }
}
