// Writes our subset of the Envoy API (proto/envoy, proto/google/rpc) and its TypeScript types (proto/gen), from
// proto/subset.yaml and the complete API in the dev dependency @grpc/grpc-js-xds. With --check it only compares.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { parse } from 'yaml';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const includes = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((dir) => join(deps, dir));
const HAND_WRITTEN = ['istio', 'weft'];

/** Every .proto file under `dir`, as paths relative to it. */
function protoFiles(dir, base = dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return protoFiles(path, base);
    return entry.name.endsWith('.proto') ? [relative(base, path)] : [];
  });
}

function loadUpstream(packages, additions) {
  const descriptor = require('protobufjs/google/protobuf/descriptor.json');
  protobuf.common('descriptor', descriptor.nested.google.nested.protobuf.nested);
  const upstream = new protobuf.Root();
  upstream.resolvePath = (_origin, target) => {
    for (const include of includes) {
      const path = join(include, target);
      if (existsSync(path)) return path;
    }
    return protobuf.common.get(target) ? target : null;
  };
  const dirs = packages.filter((pkg) => pkg.startsWith('envoy.')).map((pkg) => `${pkg.replaceAll('.', '/')}/`);
  const files = protoFiles(includes[0]).filter((file) =>
    dirs.some((dir) => file.startsWith(dir) && !file.slice(dir.length).includes('/')),
  );
  // Imported by parts of the API that we do not carry, and not shipped with the dependency.
  protobuf.parse('syntax = "proto3"; package opencensus.proto.trace.v1; message TraceConfig {}', upstream);
  protobuf.parse('syntax = "proto3"; package io.prometheus.client; message MetricFamily {}', upstream);
  // As envoy.extensions.access_loggers.open_telemetry uses it; the dependency does not have it.
  protobuf.parse(
    `syntax = "proto3"; package opentelemetry.proto.common.v1;
    message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
      ArrayValue array_value = 5; KeyValueList kvlist_value = 6; } }
    message ArrayValue { repeated AnyValue values = 1; }
    message KeyValueList { repeated KeyValue values = 1; }
    message KeyValue { string key = 1; AnyValue value = 2; }`,
    upstream,
    { keepCase: true },
  );
  upstream.loadSync([...files, 'google/rpc/status.proto'], { keepCase: true });
  for (const [message, fields] of Object.entries(additions)) {
    const type = typeNamed(upstream, message);
    for (const [name, { id, type: fieldType, rule }] of Object.entries(fields))
      type.add(new protobuf.Field(name, id, fieldType, rule));
  }
  upstream.resolveAll();
  return upstream;
}

function typeNamed(upstream, name) {
  const dot = name.lastIndexOf('.');
  const parent = upstream.lookup(name.slice(0, dot));
  const known = parent.get(name.slice(dot + 1));
  return known ?? parent.add(new protobuf.Type(name.slice(dot + 1))).get(name.slice(dot + 1));
}

const wellKnown = /^google\.protobuf\.(\w+)$/;
const WELL_KNOWN_FILES = {
  Any: 'any',
  Duration: 'duration',
  Empty: 'empty',
  Struct: 'struct',
  Value: 'struct',
  ListValue: 'struct',
  NullValue: 'struct',
  Timestamp: 'timestamp',
  BoolValue: 'wrappers',
  UInt32Value: 'wrappers',
  UInt64Value: 'wrappers',
  DoubleValue: 'wrappers',
  StringValue: 'wrappers',
  FloatValue: 'wrappers',
  Int32Value: 'wrappers',
  Int64Value: 'wrappers',
  BytesValue: 'wrappers',
};

const nameOf = (type) => type.fullName.replace(/^\./, '');

class Subset {
  constructor(upstream, wanted) {
    this.upstream = upstream;
    this.kept = new Set();
    for (const [pkg, names] of Object.entries(wanted)) for (const name of names) this.kept.add(`${pkg}.${name}`);
    for (const name of this.kept) upstream.lookupType(name);
  }

  packageOf(type) {
    let scope = type.parent;
    while (scope instanceof protobuf.Type) scope = scope.parent;
    return nameOf(scope);
  }

  keepsField(field) {
    const type = field.resolve().resolvedType;
    if (type === null || type instanceof protobuf.Enum) return true;
    return wellKnown.test(nameOf(type)) || this.kept.has(nameOf(type));
  }

  /** Files by package: the kept messages, and the enums that their fields use. */
  files() {
    const packages = new Map();
    const place = (type) => {
      let top = type;
      while (top.parent instanceof protobuf.Type) top = top.parent;
      const pkg = this.packageOf(type);
      if (!packages.has(pkg)) packages.set(pkg, { tops: new Set(), imports: new Set() });
      packages.get(pkg).tops.add(top);
      return packages.get(pkg);
    };
    for (const name of this.kept) {
      const type = this.upstream.lookupType(name);
      const file = place(type);
      for (const field of type.fieldsArray) {
        if (!this.keepsField(field) || field.resolvedType === null) continue;
        const target = nameOf(field.resolvedType);
        const match = wellKnown.exec(target);
        if (match) file.imports.add(`google/protobuf/${WELL_KNOWN_FILES[match[1]]}.proto`);
        else {
          place(field.resolvedType);
          const pkg = this.packageOf(field.resolvedType);
          if (pkg !== this.packageOf(type)) file.imports.add(fileName(pkg));
        }
      }
    }
    return packages;
  }

  /** Whether anything below this message is kept, so that its shell is printed. */
  needed(type) {
    if (type instanceof protobuf.Enum) return this.usedEnums().has(nameOf(type));
    return (
      this.kept.has(nameOf(type)) ||
      type.nestedArray.some(
        (nested) => (nested instanceof protobuf.Type || nested instanceof protobuf.Enum) && this.needed(nested),
      )
    );
  }

  usedEnums() {
    this.enums ??= new Set(
      [...this.kept].flatMap((name) =>
        this.upstream
          .lookupType(name)
          .fieldsArray.flatMap((field) =>
            field.resolve().resolvedType instanceof protobuf.Enum ? [nameOf(field.resolvedType)] : [],
          ),
      ),
    );
    return this.enums;
  }

  print(type, indent) {
    const pad = '  '.repeat(indent);
    if (type instanceof protobuf.Enum) {
      const values = Object.entries(type.values).map(([name, id]) => `${pad}  ${name} = ${id};`);
      const alias =
        new Set(Object.values(type.values)).size < values.length ? [`${pad}  option allow_alias = true;`] : [];
      return [`${pad}enum ${type.name} {`, ...alias, ...values, `${pad}}`];
    }
    const lines = [`${pad}message ${type.name} {`];
    for (const nested of type.nestedArray) if (this.needed(nested)) lines.push(...this.print(nested, indent + 1));
    if (this.kept.has(nameOf(type))) {
      const printed = new Set();
      for (const field of type.fieldsArray) {
        if (!this.keepsField(field)) continue;
        const oneof = field.partOf;
        if (oneof === null || oneof === undefined) lines.push(`${pad}  ${this.field(field)}`);
        else if (!printed.has(oneof)) {
          printed.add(oneof);
          lines.push(`${pad}  oneof ${oneof.name} {`);
          for (const member of oneof.fieldsArray)
            if (this.keepsField(member)) lines.push(`${pad}    ${this.field(member)}`);
          lines.push(`${pad}  }`);
        }
      }
    }
    lines.push(`${pad}}`);
    return lines;
  }

  field(field) {
    const type = field.resolvedType ? `.${nameOf(field.resolvedType)}` : field.type;
    if (field instanceof protobuf.MapField) return `map<${field.keyType}, ${type}> ${field.name} = ${field.id};`;
    return `${field.repeated ? 'repeated ' : ''}${type} ${field.name} = ${field.id};`;
  }
}

const fileName = (pkg) => `${pkg.replaceAll('.', '/')}.proto`;

function write(target) {
  const { messages: wanted, additions } = parse(readFileSync(join(root, 'proto', 'subset.yaml'), 'utf8'));
  const subset = new Subset(loadUpstream(Object.keys(wanted), additions), wanted);
  for (const [pkg, { tops, imports }] of subset.files()) {
    const lines = [
      `// Generated by bin/gen-proto.mjs from proto/subset.yaml.`,
      'syntax = "proto3";',
      '',
      `package ${pkg};`,
      '',
    ];
    for (const path of [...imports].sort()) lines.push(`import "${path}";`);
    for (const type of [...tops].sort((a, b) => a.name.localeCompare(b.name)))
      if (subset.needed(type)) lines.push('', ...subset.print(type, 0));
    if (pkg === 'envoy.service.discovery.v3') {
      lines.push(
        '',
        'service AggregatedDiscoveryService {',
        '  rpc StreamAggregatedResources(stream DiscoveryRequest) returns (stream DiscoveryResponse) {}',
        '  rpc DeltaAggregatedResources(stream DeltaDiscoveryRequest) returns (stream DeltaDiscoveryResponse) {}',
        '}',
      );
    }
    const path = join(target, fileName(pkg));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${lines.join('\n')}\n`);
  }
  for (const dir of HAND_WRITTEN) cpSync(join(root, 'proto', dir), join(target, dir), { recursive: true });
  const generator = join(
    dirname(require.resolve('@grpc/proto-loader/package.json')),
    'build',
    'bin',
    'proto-loader-gen-types.js',
  );
  const flags = [
    '--keepCase',
    '--longs=Number',
    '--enums=String',
    '--bytes=Buffer',
    '--json',
    '--grpcLib=@grpc/grpc-js',
    '--targetFileExtension=.ts',
    '--importFileExtension=.js',
  ];
  const types = join(target, 'gen');
  execFileSync(
    process.execPath,
    [generator, ...flags, `--includeDirs=${target}`, `--outDir=${types}`, ...protoFiles(target)],
    { cwd: target, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // The generator's per-file index collides for files of one name; its first line carries a path of this machine.
    if (entry.isFile() && entry.parentPath === types) rmSync(path);
    else if (entry.isFile())
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^\/\/ Original file: .*\n\n?/gm, ''));
  }
}

function differences(a, b) {
  const names = (dir) =>
    existsSync(dir)
      ? readdirSync(dir, { recursive: true, withFileTypes: true })
          .filter((e) => e.isFile())
          .map((e) => relative(dir, join(e.parentPath, e.name)))
      : [];
  const all = new Set([...names(a), ...names(b)]);
  return [...all].filter(
    (name) =>
      !existsSync(join(a, name)) ||
      !existsSync(join(b, name)) ||
      !readFileSync(join(a, name)).equals(readFileSync(join(b, name))),
  );
}

const GENERATED = ['envoy', 'google', 'gen', 'opentelemetry/proto'];
const scratch = mkdtempSync(join(tmpdir(), 'weft-proto-'));
try {
  write(scratch);
  if (process.argv.includes('--check')) {
    const stale = GENERATED.flatMap((dir) =>
      differences(join(scratch, dir), join(root, 'proto', dir)).map((name) => `proto/${dir}/${name}`),
    );
    if (stale.length > 0) {
      process.stderr.write(
        `Generated protocol files are stale; run \`npm run gen:proto\`:\n${stale.map((name) => `  ${name}\n`).join('')}`,
      );
      process.exitCode = 1;
    }
  } else {
    for (const dir of GENERATED) {
      rmSync(join(root, 'proto', dir), { recursive: true, force: true });
      cpSync(join(scratch, dir), join(root, 'proto', dir), { recursive: true });
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
