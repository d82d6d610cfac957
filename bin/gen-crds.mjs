// Writes deploy/crds from deploy/crds-source.yaml. With --check it only compares.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'deploy/crds');
const source = parse(readFileSync(join(root, 'deploy/crds-source.yaml'), 'utf8'));

const rule = (message, text) => ({ 'x-kubernetes-validations': [{ message, rule: text }] });
const uint32 = { type: 'integer', minimum: 0, maximum: 4294967295 };
/** Also the form of a quantity: a whole number or a string. */
const int64 = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const time = { type: 'string', format: 'date-time' };

const SCALARS = {
  string: { type: 'string' },
  nonEmpty: { type: 'string', minLength: 1 },
  bytes: { type: 'string', format: 'byte' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  count: { type: 'integer', format: 'int32', minimum: 0 },
  uint32,
  uint64: { type: 'integer' },
  port: { ...uint32, ...rule('port must be between 1-65535', '0 < self && self <= 65535') },
  number: { type: 'number' },
  quantity: int64,
  double: { type: 'number', format: 'double' },
  Duration: {
    type: 'string',
    ...rule('must be a valid duration greater than 1ms', "duration(self) >= duration('1ms')"),
  },
  looseDuration: { type: 'string' },
  Struct: open,
};

/** A type by its name, as a structural schema: `string`, `Destination`, `HTTPRoute[]`, `map<string>`. */
function schemaOf(name, each = {}) {
  if (name.endsWith('?')) return { ...schemaOf(name.slice(0, -1), each), nullable: true };
  const list = /^(.+)\[\]$/.exec(name)?.[1];
  if (list !== undefined) return { type: 'array', items: limited(schemaOf(list), each) };
  const entry = /^map<(.+)>$/.exec(name)?.[1];
  if (entry !== undefined) return { type: 'object', additionalProperties: limited(schemaOf(entry), each) };
  if (SCALARS[name] !== undefined) return SCALARS[name];
  if (source.enums[name] !== undefined) return { type: 'string', enum: source.enums[name] };
  const type = source.types[name];
  if (type === undefined) throw new Error(`deploy/crds-source.yaml: no type ${name}`);
  return objectOf(type);
}

function objectOf({ fields, required, oneOf = [], rules }) {
  const properties = Object.fromEntries(Object.entries(fields).map(([field, type]) => [field, fieldOf(type)]));
  const groups = oneOf.map(atMostOne);
  return limited(
    {
      type: 'object',
      ...(required === undefined ? {} : { required }),
      ...(groups.length === 1 ? groups[0] : {}),
      ...(groups.length > 1 ? { allOf: groups } : {}),
      properties,
    },
    { rules },
  );
}

function fieldOf(type) {
  if (typeof type === 'string') return schemaOf(type);
  const { is, each, keys, ...limits } = type;
  const schema = limited(schemaOf(is, each), limits);
  if (keys === undefined) return schema;
  return { ...schema, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

function limited(schema, { rules, ...limits }) {
  const all = [...(schema['x-kubernetes-validations'] ?? []), ...(rules ?? [])];
  return { ...schema, ...limits, ...(all.length === 0 ? {} : { 'x-kubernetes-validations': all }) };
}

function atMostOne(fields) {
  const alone = fields.map((field) => ({ required: [field] }));
  return { oneOf: [{ not: { anyOf: alone } }, ...alone] };
}

/** Conditions and messages, as Istio's objects have them; what else a writer puts there is kept. */
const status = {
  ...open,
  properties: {
    conditions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: SCALARS.string,
          status: SCALARS.string,
          reason: SCALARS.string,
          message: SCALARS.string,
          lastProbeTime: time,
          lastTransitionTime: time,
          observedGeneration: int64,
        },
      },
    },
    validationMessages: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { type: 'object', properties: { name: SCALARS.string, code: SCALARS.string } },
          level: { type: 'string', enum: ['UNKNOWN', 'ERROR', 'WARNING', 'INFO'] },
          documentationUrl: SCALARS.string,
        },
      },
    },
    observedGeneration: int64,
  },
};

function columnsOf(columns) {
  return Object.entries(columns).map(([name, jsonPath]) => ({
    name,
    type: jsonPath === '.metadata.creationTimestamp' ? 'date' : 'string',
    jsonPath,
  }));
}

function versionOf(definition, name, spec) {
  return {
    name,
    served: true,
    storage: name === definition.storage,
    ...(definition.columns === undefined ? {} : { additionalPrinterColumns: columnsOf(definition.columns) }),
    subresources: { status: {} },
    schema: {
      openAPIV3Schema: {
        type: 'object',
        description: definition.description,
        ...(definition.specRequired ? { required: ['spec'] } : {}),
        properties: { spec, status },
      },
    },
  };
}

function definitionOf(kind, definition) {
  const { group, plural, short } = definition;
  const area = group.split('.')[0];
  const istio = group.endsWith('.istio.io');
  const spec = (version) => limited(schemaOf(definition.types?.[version] ?? kind), { rules: definition.rules });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'weft' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(short === undefined ? {} : { shortNames: [short] }),
        ...(istio ? { categories: ['istio-io', `${area}-istio-io`] } : {}),
      },
      versions: definition.versions.map((name) => versionOf(definition, name, spec(name))),
    },
  };
}

const files = new Map(
  Object.entries(source.kinds).map(([kind, definition]) => [
    `${definition.plural}.${definition.group}.yaml`,
    `# Written by \`npm run gen:crds\` from deploy/crds-source.yaml.\n${stringify(definitionOf(kind, definition), {
      aliasDuplicateObjects: false,
      lineWidth: 120,
    })}`,
  ]),
);

const present = existsSync(folder) ? readdirSync(folder) : [];
const stale = [
  ...[...files].filter(([name, text]) => !present.includes(name) || readFileSync(join(folder, name), 'utf8') !== text),
  ...present.filter((name) => !files.has(name)).map((name) => [name]),
].map(([name]) => name);

if (process.argv.includes('--check')) {
  if (stale.length > 0) {
    console.error(`deploy/crds is stale (${stale.join(', ')}): npm run gen:crds`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) rmSync(join(folder, name), { force: true });
  for (const [name, text] of files) if (stale.includes(name)) writeFileSync(join(folder, name), text);
}
