import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { protoFiles } from '../../common/xds/proto-files.js';
import { messageNameOf } from '../../common/xds/type-urls.js';
import { goldenCases } from '../../test/support/golden.js';
import { translateProxyless } from './proxyless.js';
import { nodeOf, runCase } from './testing/case.js';
import { translate } from './translate.js';

const require = createRequire(import.meta.url);
const OUTPUT = { longs: Number, enums: String, bytes: Buffer, json: true };

/** The complete Envoy API, as gRPC's xDS client carries it. */
function loadUpstream(): protobuf.Root {
  const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const includes = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((dir) => join(deps, dir));
  const descriptor = require('protobufjs/google/protobuf/descriptor.json');
  protobuf.common('descriptor', descriptor.nested.google.nested.protobuf.nested);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    includes.map((include) => join(include, target)).find((path) => existsSync(path)) ??
    (protobuf.common.get(target) === null ? null : target);
  protobuf.parse('syntax = "proto3"; package opencensus.proto.trace.v1; message TraceConfig {}', root);
  protobuf.parse('syntax = "proto3"; package io.prometheus.client; message MetricFamily {}', root);
  const otlp = readFileSync(new URL('../../proto/opentelemetry/proto/common/v1.proto', import.meta.url), 'utf8');
  protobuf.parse(otlp, root, { keepCase: true });
  const [api = ''] = includes;
  // The packages that we carry a part of.
  const files = protoFiles()
    .filter((file) => file.startsWith('envoy/'))
    .map((file) => file.slice(0, -'.proto'.length))
    .filter((dir) => existsSync(join(api, dir)))
    .flatMap((dir) => readdirSync(join(api, dir)).map((name) => join(dir, name)))
    .filter((file) => file.endsWith('.proto'));
  root.loadSync(files, { keepCase: true });
  addNewer(root);
  root.resolveAll();
  return root;
}

/** What Envoy has and that copy of its API does not have yet. */
function addNewer(root: protobuf.Root): void {
  const file = readFileSync(new URL('../../proto/subset.yaml', import.meta.url), 'utf8');
  const { additions } = parse(file) as {
    additions: Record<string, Record<string, { id: number; type: string; rule?: string }>>;
  };
  for (const [name, fields] of Object.entries(additions)) {
    const at = name.lastIndexOf('.');
    const parent = root.lookup(name.slice(0, at)) as protobuf.NamespaceBase;
    const known = parent.get(name.slice(at + 1));
    const type = known instanceof protobuf.Type ? known : new protobuf.Type(name.slice(at + 1));
    if (known === null) parent.add(type);
    for (const [field, { id, type: of, rule }] of Object.entries(fields)) {
      type.add(new protobuf.Field(field, id, of, rule));
    }
  }
}

/** Our own filters are no part of the upstream API. */
const OWN = new Set(['stats.PluginConfig', 'io.istio.http.peer_metadata.Config']);

/** Compares every Any by its own bytes, so that nothing in it can hide. */
function differences(upstream: protobuf.Root, typeUrl: string, message: object): string[] {
  const name = messageNameOf(typeUrl);
  if (OWN.has(name)) return [];
  const bytes = encodeMessage(typeUrl, message);
  const type = upstream.lookupType(name);
  const theirs = type.toObject(type.decode(bytes), OUTPUT);
  const ours = decodeMessage(typeUrl, bytes);
  // Whatever one side did not know would be lost in its second encoding.
  const again = Buffer.from(type.encode(type.fromObject(stripOwn(theirs))).finish());
  const complete = Buffer.from(encodeMessage(typeUrl, stripOwn(ours)));
  const found: string[] = [];
  if (JSON.stringify(sorted(stripOwn(theirs))) !== JSON.stringify(sorted(stripOwn(ours))))
    found.push(`${name}: decoded differently`);
  if (again.length !== complete.length) found.push(`${name}: ${again.length} bytes upstream, ${complete.length} here`);
  return found;
}

function stripOwn(value: unknown): object {
  const copy = (item: unknown): unknown => {
    if (Buffer.isBuffer(item) || typeof item !== 'object' || item === null) return item;
    if (Array.isArray(item)) return item.filter((entry) => !isOwnFilter(entry)).map(copy);
    return Object.fromEntries(Object.entries(item).map(([key, entry]) => [key, copy(entry)]));
  };
  return copy(value) as object;
}

function isOwnFilter(item: unknown): boolean {
  const config = (item as { typed_config?: { '@type'?: string; type_url?: string } } | null)?.typed_config;
  return OWN.has(messageNameOf(config?.['@type'] ?? config?.type_url ?? ''));
}

function sorted(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

describe('everything that is emitted', () => {
  let upstream: protobuf.Root;
  beforeAll(() => {
    upstream = loadUpstream();
  });

  it.each(goldenCases(new URL('./testdata/', import.meta.url)))(
    '$name means the same to the upstream protos',
    ({ input }) => {
      const { snapshot } = runCase(input);
      const sets = [...snapshot.workloads.keys()].flatMap((key) => [
        translate(snapshot, nodeOf(snapshot, key, 'weft')),
        translate(snapshot, nodeOf(snapshot, key, 'envoy')),
      ]);
      const names = snapshot.services.flatMap((service) =>
        service.ports.map((port) => `${service.host}:${port.number}`),
      );
      sets.push(translateProxyless(snapshot, nodeOf(snapshot, 'default/client', 'grpc'), names));
      const found = sets.flatMap((set) =>
        [...set].flatMap(([typeUrl, resources]) =>
          [...resources.values()].flatMap((message) => differences(upstream, typeUrl, message)),
        ),
      );
      expect(found).toEqual([]);
    },
  );
});
