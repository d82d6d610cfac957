/** What we read of Envoy's `/config_dump?include_eds`, whose shape our sidecar shares. */
export interface ConfigDump {
  readonly configs: readonly DumpSection[];
}

export interface DumpSection {
  readonly '@type': string;
  readonly [list: string]: unknown;
}

export type Json = Readonly<Record<string, unknown>>;

/** The sections that each subcommand shows, by the end of their type names. */
export const SECTIONS = {
  listeners: 'ListenersConfigDump',
  routes: 'RoutesConfigDump',
  clusters: 'ClustersConfigDump',
  endpoints: 'EndpointsConfigDump',
  secrets: 'SecretsConfigDump',
} as const;

export type SectionName = keyof typeof SECTIONS;

export function section(dump: ConfigDump, name: SectionName): DumpSection | undefined {
  return dump.configs.find((config) => config['@type'].endsWith(SECTIONS[name]));
}

/** Objects of a section, whichever list they are in (static or dynamic), unwrapped by `pick`. */
export function objects(from: DumpSection | undefined, pick: (entry: Json) => unknown): Json[] {
  return Object.values(from ?? {})
    .filter((list) => Array.isArray(list))
    .flatMap((list) => list as Json[])
    .map(pick)
    .filter(isJson);
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member by its path; undefined where the path ends early. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current: unknown = value;
  for (const step of path) current = (current as Record<string | number, unknown> | undefined | null)?.[step];
  return current;
}

export function list(value: unknown, ...path: readonly (string | number)[]): Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isJson) : [];
}

export function text(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
}
