import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { definitionOf, isKnownKind } from './registry.js';
import type { Shape } from './schema/schema.js';

interface Structural {
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: Structural };
    }[];
  };
}

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/crds');
const definitions = readdirSync(folder).map((name) => parse(readFileSync(join(folder, name), 'utf8')) as Definition);

/** Fields that only one of the two has. */
function differences(shape: Shape, schema: Structural | undefined, path: string): readonly string[] {
  const node = shape.suffix.split(/(?=\[\]|\.\*)/).reduce<Structural | undefined>((at, step) => {
    if (step === '[]') return at?.items;
    return step === '.*' ? at?.additionalProperties : at;
  }, schema);
  const properties = node?.properties ?? {};
  const missing = [...shape.fields].flatMap(([name, field]) => {
    if (properties[name] === undefined) return [`${path}.${name} is not in the CRD`];
    return field.schema.shape === undefined ? [] : differences(field.schema.shape, properties[name], `${path}.${name}`);
  });
  // The spellings that Istio's schema takes beside the usual ones.
  const aliases = ['mirror_percent', 'jwks_uri'];
  const unread = Object.keys(properties).filter((name) => !shape.fields.has(name) && !aliases.includes(name));
  return [...missing, ...unread.map((name) => `${path}.${name} is not read`)];
}

describe('custom resource definitions', () => {
  it('are what gen:crds writes', () => {
    execFileSync(process.execPath, [join(root, 'bin/gen-crds.mjs'), '--check']);
  });

  it('are one for each kind, with one stored version', () => {
    expect(definitions).toHaveLength(16);
    for (const { spec } of definitions) expect(spec.versions.filter(({ storage }) => storage)).toHaveLength(1);
  });

  it.each(definitions.filter(({ spec }) => isKnownKind(spec.names.kind)).map((each) => [each.spec.names.kind, each]))(
    'have the fields that are read of %s',
    (kind, { spec }) => {
      if (!isKnownKind(kind)) throw new Error(kind);
      const known = definitionOf(kind);
      expect(known.group).toBe(spec.group);
      expect([...known.versions].sort()).toEqual(spec.versions.map(({ name }) => name).sort());
      for (const version of spec.versions) {
        expect(
          differences(known.spec.shape!, version.schema.openAPIV3Schema.properties?.['spec'], 'spec').filter(
            // The first versions of TrafficSplit had no matches.
            (line) => line !== 'spec.matches is not in the CRD',
          ),
        ).toEqual([]);
      }
    },
  );
});
