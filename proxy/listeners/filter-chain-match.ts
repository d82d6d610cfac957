import { type Cidr, cidrOf, isLoopback, parseIp } from '../snapshot/cidr.js';
import type { FilterChainConfig, FilterChainMatchConfig } from './config.js';

/** What is known about a connection when its filter chain is chosen. */
export interface ConnectionCriteria {
  readonly destinationIp: string;
  readonly destinationPort: number;
  /** SNI, empty without one. */
  readonly serverName: string;
  /** `tls` or `raw_buffer`; empty when nothing was detected. */
  readonly transportProtocol: string;
  /** ALPN of the ClientHello, or what the HTTP inspector saw; in the peer's order. */
  readonly applicationProtocols: readonly string[];
  readonly sourceIp: string;
  readonly sourcePort: number;
}

/** One criterion, in Envoy's order of precedence: the most specific value decides, and there is no way back. */
interface Level {
  /** The keys under which a chain stands; more than one when it lists several values. */
  keys(match: FilterChainMatchConfig): readonly string[];
  choose(node: Branch, connection: ConnectionCriteria): Node | undefined;
}

interface Branch {
  readonly children: Map<string, Node>;
  /** Blocks of the children, for levels that match by prefix. */
  readonly blocks: Map<string, Cidr>;
}

/** What a chain is chosen by. */
export type MatchedChain = Pick<FilterChainConfig, 'name' | 'match'>;

type Node = Branch | MatchedChain;

const ANY = '';

const LEVELS: readonly Level[] = [
  {
    keys: (match) => [match.destinationPort === undefined ? ANY : String(match.destinationPort)],
    choose: (node, connection) => node.children.get(String(connection.destinationPort)) ?? node.children.get(ANY),
  },
  byAddress(
    (match) => match.prefixRanges,
    (connection) => connection.destinationIp,
  ),
  {
    keys: (match) => orAny(match.serverNames),
    choose: (node, connection) => byServerName(node, connection.serverName),
  },
  {
    keys: (match) => [match.transportProtocol],
    choose: (node, connection) => node.children.get(connection.transportProtocol) ?? node.children.get(ANY),
  },
  {
    keys: (match) => orAny(match.applicationProtocols),
    choose(node, connection) {
      const protocol = connection.applicationProtocols.find((name) => node.children.has(name));
      return node.children.get(protocol ?? ANY);
    },
  },
  { keys: (match) => [match.sourceType], choose: bySourceType },
  byAddress(
    (match) => match.sourcePrefixRanges,
    (connection) => connection.sourceIp,
  ),
  {
    keys: (match) => orAny(match.sourcePorts.map(String)),
    choose: (node, connection) => node.children.get(String(connection.sourcePort)) ?? node.children.get(ANY),
  },
];

/** Chooses the filter chain of a connection (FilterChainMatch), with Envoy's precedence. */
export class FilterChainMatcher<C extends MatchedChain = FilterChainConfig> {
  private constructor(
    private readonly root: Branch,
    private readonly fallback: C | undefined,
  ) {}

  /** Two chains that match the same connections are an error. */
  static build<C extends MatchedChain>(
    chains: readonly C[],
    fallback: C | undefined,
  ): FilterChainMatcher<C> | { readonly errors: readonly string[] } {
    const root = branch();
    const errors: string[] = [];
    for (const chain of chains) {
      const other = insert(root, 0, chain);
      if (other !== undefined) errors.push(`filter chains '${other.name}' and '${chain.name}' have the same match`);
    }
    return errors.length > 0 ? { errors } : new FilterChainMatcher<C>(root, fallback);
  }

  /** undefined closes the connection. */
  match(connection: ConnectionCriteria): C | undefined {
    let node: Node | undefined = this.root;
    for (const level of LEVELS) {
      if (node === undefined || !('children' in node)) break;
      node = level.choose(node, connection);
    }
    // Only chains of this kind were put in.
    return node === undefined || 'children' in node ? this.fallback : (node as C);
  }
}

function branch(): Branch {
  return { children: new Map(), blocks: new Map() };
}

/** Returns the chain that is already in the place of this one. */
function insert(node: Branch, depth: number, chain: MatchedChain): MatchedChain | undefined {
  const level = LEVELS[depth];
  let clash: MatchedChain | undefined;
  for (const raw of level?.keys(chain.match) ?? []) {
    const key = register(node, raw);
    const child = node.children.get(key);
    if (depth === LEVELS.length - 1) {
      if (child !== undefined && !('children' in child)) clash = child;
      node.children.set(key, chain);
      continue;
    }
    const next = child !== undefined && 'children' in child ? child : branch();
    node.children.set(key, next);
    clash = insert(next, depth + 1, chain) ?? clash;
  }
  return clash;
}

/** Key of a value; an address block gets its canonical text, so that equal ones meet. */
function register(node: Branch, raw: string): string {
  const slash = raw.lastIndexOf('/');
  const bytes = slash < 0 ? undefined : parseIp(raw.slice(0, slash));
  if (bytes === undefined) return raw;
  const block = cidrOf(bytes, Number(raw.slice(slash + 1)));
  node.blocks.set(block.text, block);
  return block.text;
}

function orAny(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [ANY] : values;
}

function byAddress(
  ranges: (match: FilterChainMatchConfig) => readonly string[],
  address: (connection: ConnectionCriteria) => string,
): Level {
  return {
    keys: (match) => orAny(ranges(match)),
    choose(node, connection) {
      if (node.blocks.size === 0) return node.children.get(ANY);
      const ip = address(connection);
      let best: Cidr | undefined;
      for (const block of node.blocks.values()) {
        if ((best === undefined || block.prefixLength > best.prefixLength) && block.contains(ip)) best = block;
      }
      return node.children.get(best?.text ?? ANY);
    },
  };
}

/** The exact name, then `*.` wildcards from the longest on, then chains without names. */
function byServerName(node: Branch, serverName: string): Node | undefined {
  const exact = node.children.get(serverName);
  if (exact !== undefined) return exact;
  for (let dot = serverName.indexOf('.', 1); dot > 0; dot = serverName.indexOf('.', dot + 1)) {
    const wildcard = node.children.get(`*${serverName.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return node.children.get(ANY);
}

function bySourceType(node: Branch, connection: ConnectionCriteria): Node | undefined {
  const any = node.children.get('any');
  if (node.children.size === 1 && any !== undefined) return any;
  const local = connection.sourceIp === connection.destinationIp || isLoopback(connection.sourceIp);
  return node.children.get(local ? 'same-ip-or-loopback' : 'external') ?? any;
}
