import { messageOf } from '../../common/runtime/errors.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { RouteConfiguration__Output } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost__Output } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import type { RequestHead } from '../http/message.js';
import { Issues } from '../snapshot/issues.js';
import { KeptPart, keptParts } from '../xds/kept-message.js';
import { compileMirrors } from './actions/forward.js';
import { portStart } from './actions/redirect.js';
import { pathOnly } from './actions/rewrite.js';
import { compileLevel, type HeaderLevel } from './compile-route.js';
import { compileFilterConfigs, type FilterConfigs } from './filter-configs.js';
import { HostTable } from './host-table.js';
import type { MirrorPolicy, RouteEntry, RouteMatchContext, RouteTable } from './route.js';
import type { RouteDeps } from './route-deps.js';
import { compileVirtualHost, type VirtualHost } from './virtual-host.js';

export type CompiledRouteTable =
  | { readonly table: RouteTable; readonly warnings: readonly string[] }
  | { readonly errors: readonly string[] };

/** What all virtual hosts of a table share. */
export interface TableSettings {
  readonly headers: HeaderLevel;
  readonly filters: FilterConfigs | undefined;
  readonly mirrors: readonly MirrorPolicy[];
  readonly mostSpecificWins: boolean;
  readonly maxDirectBodyBytes: number;
}

const DEFAULT_DIRECT_BODY_BYTES = 4096;

/**
 * Compiles a RouteConfiguration. Everything is validated now; of a large table, a virtual host keeps its compiled form
 * only from its first request on, so that thousands of unused ones cost little more than their messages.
 */
export function compileRouteConfiguration(message: RouteConfiguration__Output, deps: RouteDeps): CompiledRouteTable {
  const issues = new Issues();
  issues.refuse(message, ['internal_only_headers']);
  // Clusters are never checked, which is what false asks for.
  if (message.validate_clusters?.value === true) issues.ignore(message, ['validate_clusters']);
  const settings: TableSettings = {
    headers: compileLevel(message, deps, issues),
    filters: compileFilterConfigs(message.typed_per_filter_config, deps, issues.at('typed_per_filter_config')),
    mirrors: compileMirrors(message.request_mirror_policies ?? [], issues.at('request_mirror_policies')),
    mostSpecificWins: message.most_specific_header_mutations_wins === true,
    maxDirectBodyBytes: message.max_direct_response_body_size_bytes?.value ?? DEFAULT_DIRECT_BODY_BYTES,
  };
  const hosts = compileHosts(message, { settings, deps }, issues);
  if (issues.errors.length > 0) return { errors: issues.errors };
  return { table: new Table(message, hosts), warnings: issues.warnings };
}

/** In a table with more virtual hosts, unused ones are compiled for validation only, and kept as bytes if they came so. */
const EAGER_HOSTS = 64;
const VIRTUAL_HOST = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';

/** What it takes to compile any virtual host of a table. */
interface Shared {
  readonly settings: TableSettings;
  readonly deps: RouteDeps;
}

function compileHosts(route: RouteConfiguration__Output, shared: Shared, issues: Issues): HostTable<LazyHost> {
  const { settings, deps } = shared;
  const sources = hostsOf(route);
  const lazily = sources.length > EAGER_HOSTS;
  const table = new HostTable<LazyHost>();
  const names = new Set<string>();
  sources.forEach((source, index) => {
    const at = issues.at('virtual_hosts').at(index);
    const message = messageIn(source, at);
    const compiled = compileVirtualHost(message, settings, deps, at);
    const lazy = new LazyHost(shared, lazily ? source : compiled);
    const name = message.name ?? '';
    if (names.has(name)) at.error(`two virtual hosts are named '${name}'`);
    names.add(name);
    if ((message.domains ?? []).length === 0) at.at('domains').error('is empty');
    for (const domain of message.domains ?? []) {
      if (domain === '') at.at('domains').error('holds an empty domain');
      else if (!table.add(domain, lazy)) at.at('domains').error(`'${domain}' is there twice`);
    }
  });
  return table;
}

type HostSource = KeptPart<VirtualHost__Output> | VirtualHost__Output;

/** Its virtual hosts, as bytes where there are many, or where a large table was decoded without them. */
function hostsOf(route: RouteConfiguration__Output): readonly HostSource[] {
  const messages = route.virtual_hosts ?? [];
  if (messages.length > 0 && messages.length <= EAGER_HOSTS) return messages;
  const parts = keptParts<VirtualHost__Output>(route, TYPE.route, 'virtual_hosts', VIRTUAL_HOST);
  return parts.length > 0 ? parts : messages;
}

function messageIn(source: HostSource, issues: Issues): VirtualHost__Output {
  if (!(source instanceof KeptPart)) return source;
  try {
    return source.get();
  } catch (error) {
    issues.error(`cannot be decoded: ${messageOf(error)}`);
    return {};
  }
}

class LazyHost {
  constructor(
    private readonly shared: Shared,
    private source: HostSource | VirtualHost,
  ) {}

  get(): VirtualHost {
    const { source, shared } = this;
    if ('match' in source) return source;
    const issues = new Issues();
    const compiled = compileVirtualHost(messageIn(source, issues), shared.settings, shared.deps, issues);
    this.source = compiled;
    return compiled;
  }
}

class Table implements RouteTable {
  readonly name: string;
  private readonly ignorePort: boolean;
  private readonly ignoreParameters: boolean;

  constructor(
    message: RouteConfiguration__Output,
    private readonly hosts: HostTable<LazyHost>,
  ) {
    this.name = message.name ?? '';
    this.ignorePort = message.ignore_port_in_host_matching === true;
    this.ignoreParameters = message.ignore_path_parameters_in_path_matching === true;
  }

  match(request: RequestHead, context: RouteMatchContext): RouteEntry | undefined {
    const host = this.hosts.find(this.ignorePort ? withoutPort(request.authority) : request.authority);
    if (host === undefined) return undefined;
    let path = pathOnly(request.path);
    // RFC 3986 section 3.3: what follows a semicolon in a segment.
    if (this.ignoreParameters && path.includes(';')) path = path.replace(/;[^/]*/g, '');
    return host.get().match(request, path, context);
  }
}

function withoutPort(authority: string): string {
  const colon = portStart(authority);
  return colon < 0 ? authority : authority.slice(0, colon);
}
