import type { DestinationRuleSpec, TrafficPolicy } from '../api/kinds/destination-rule.js';
import type { HttpRoute, VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';

/** What an object does, a line for each part, for people. */
export function effectsOf({ kind, spec }: ConfigObject): string[] {
  switch (kind) {
    case 'VirtualService':
      return virtualServiceEffects(spec as VirtualServiceSpec);
    case 'DestinationRule':
      return destinationRuleEffects(spec as DestinationRuleSpec);
    default:
      return Object.entries(spec as object).flatMap(([field, value]) =>
        SELECTORS.has(field) ? [] : [`${field}: ${short(value)}`],
      );
  }
}

/** Why an object applies is told elsewhere. */
const SELECTORS: ReadonlySet<string> = new Set(['selector', 'workloadSelector', 'targetRef', 'targetRefs']);
const LONGEST = 160;

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

function virtualServiceEffects({ gateways = [], http = [], tls = [], tcp = [] }: VirtualServiceSpec): string[] {
  return [
    ...(gateways.length === 0 ? [] : [`for ${gateways.join(', ')}`]),
    ...http.map((route) => `http ${httpMatch(route)} → ${httpAction(route)}`),
    ...tls.map(({ match = [], route = [] }) => `tls ${short(match)} → ${destinations(route)}`),
    ...tcp.map(({ match = [], route = [] }) => `tcp ${short(match)} → ${destinations(route)}`),
  ];
}

function httpMatch({ match = [] }: HttpRoute): string {
  return match.length === 0 ? 'all' : match.map(short).join(' or ');
}

function httpAction({ route = [], redirect, directResponse, delegate, ...more }: HttpRoute): string {
  const target =
    redirect !== undefined
      ? `redirect ${short(redirect)}`
      : directResponse !== undefined
        ? `answer ${directResponse.status}`
        : delegate !== undefined
          ? `as ${delegate.namespace ?? 'here'}/${delegate.name} says`
          : destinations(route);
  const extras = (
    ['timeout', 'retries', 'fault', 'mirror', 'mirrors', 'rewrite', 'corsPolicy', 'headers'] as const
  ).flatMap((field) => (more[field] === undefined ? [] : [`${field} ${short(more[field])}`]));
  return [target, ...extras].join('; ');
}

interface Weighted {
  readonly destination: {
    readonly host: string;
    readonly subset?: string;
    readonly port?: { readonly number?: number };
  };
  readonly weight?: number;
}

function destinations(routes: readonly Weighted[]): string {
  return routes
    .map(({ destination: { host, subset, port }, weight }) => {
      const target = [
        host,
        ...(subset === undefined ? [] : [`subset ${subset}`]),
        ...(port?.number === undefined ? [] : [`port ${port.number}`]),
      ];
      return `${target.join(' ')}${weight === undefined ? '' : ` (${weight})`}`;
    })
    .join(', ');
}

function destinationRuleEffects({ trafficPolicy, subsets = [] }: DestinationRuleSpec): string[] {
  return [
    ...policyEffects(trafficPolicy, ''),
    ...subsets.flatMap(({ name, labels = {}, trafficPolicy: own }) => [
      `subset ${name}: ${labelText(labels)}`,
      ...policyEffects(own, `subset ${name} `),
    ]),
  ];
}

function policyEffects(policy: TrafficPolicy | undefined, of: string): string[] {
  return Object.entries(policy ?? {}).map(([field, value]) => `${of}${field}: ${short(value)}`);
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
