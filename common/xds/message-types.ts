import protobuf from 'protobufjs/light.js';

/**
 * Descriptors by the full name of a message or enum that is in no other: protobufjs' JSON, in which every reference is
 * absolute.
 */
export type Descriptors = ReadonlyMap<string, string>;

const ANY = 'google.protobuf.Any';

/**
 * Reflection of messages of which most are never met: a type is built when it is first asked for, and the types of its fields
 * when these are resolved. So nobody reads `resolvedType` but {@link typeOf}.
 */
export class MessageTypes extends protobuf.Root {
  private readonly built = new Set<string>();

  constructor(private readonly descriptors: Descriptors) {
    super();
  }

  override lookup(path: string | string[], filter?: unknown): protobuf.ReflectionObject | null {
    if (path.length === 0) return null;
    this.build(typeof path === 'string' ? path : path.join('.'));
    return super.lookup(path, filter);
  }

  /** A nested type comes with the one around it. */
  private build(path: string): void {
    let name = path;
    while (!this.descriptors.has(name)) {
      const dot = name.lastIndexOf('.');
      if (dot < 0) return;
      name = name.slice(0, dot);
    }
    if (this.built.has(name)) return;
    this.built.add(name);
    const dot = name.lastIndexOf('.');
    const own = name.slice(dot + 1);
    const parent = dot < 0 ? this : this.define(name.slice(0, dot));
    parent.addJSON({ [own]: JSON.parse(this.descriptors.get(name) ?? '') as protobuf.AnyNestedObject });
    const made = parent.get(own);
    made?._resolveFeaturesRecursive(EDITION);
    // What an Any holds is looked for from there upwards, without asking the root, which alone can build it.
    if (name === ANY && made instanceof protobuf.Namespace) made.lookup = this.lookup.bind(this);
  }
}

/** The message or enum that a field holds; null for scalars. */
export function typeOf(field: protobuf.FieldBase): protobuf.Type | protobuf.Enum | null {
  field.resolve();
  return field.resolvedType;
}

const EDITION = 'proto3';

/** The descriptors of everything in a root that has been resolved. */
export function descriptorsOf(root: protobuf.Root): Descriptors {
  const found = new Map<string, string>();
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const object of namespace.nestedArray) {
      if (object instanceof protobuf.Type || object instanceof protobuf.Enum) {
        found.set(object.fullName.slice(1), JSON.stringify({ edition: EDITION, ...describe(object) }));
      } else if (object instanceof protobuf.Namespace && !(object instanceof protobuf.Service)) visit(object);
    }
  };
  visit(root);
  return found;
}

type Json = Record<string, unknown>;

function describe(object: protobuf.ReflectionObject): Json {
  const json = object.toJSON() as Json;
  if (!(object instanceof protobuf.Type)) return json;
  const fields = Object.fromEntries(
    object.fieldsArray.map((field) => {
      const type = typeOf(field)?.fullName ?? field.type;
      return [field.name, { ...(field.toJSON() as object as Json), type }];
    }),
  );
  const nested = object.nestedArray.filter((inner) => !(inner instanceof protobuf.Field));
  return {
    ...json,
    fields,
    ...(nested.length > 0 && { nested: Object.fromEntries(nested.map((inner) => [inner.name, describe(inner)])) }),
  };
}

/** One line a descriptor: its name, a space, its JSON. */
export function writeDescriptors(descriptors: Descriptors): string {
  return [...descriptors].map(([name, json]) => `${name} ${json}\n`).join('');
}

/** What {@link writeDescriptors} has written. */
export function readDescriptors(text: string): Descriptors {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) found.set(line.slice(0, space), line.slice(space + 1));
  }
  return found;
}
