/** What a user means by `reviews-v1-6b4f`, `reviews-v1-6b4f.bookinfo`, `bookinfo/reviews-v1-6b4f` or `deploy/reviews-v1`. */
export interface WantedPod {
  /** `deployments`: take one of its pods; undefined for a pod. */
  readonly controller?: string;
  readonly name: string;
  readonly namespace: string;
}

/** As kubectl abbreviates them, with their plurals in paths of apps/v1. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  deploy: 'deployments',
  deployment: 'deployments',
  deployments: 'deployments',
  ds: 'daemonsets',
  daemonset: 'daemonsets',
  daemonsets: 'daemonsets',
  rs: 'replicasets',
  replicaset: 'replicasets',
  replicasets: 'replicasets',
  sts: 'statefulsets',
  statefulset: 'statefulsets',
  statefulsets: 'statefulsets',
};

const POD = ['po', 'pod', 'pods'];

/** `namespace` is where it is looked for unless the name says. */
export function parsePodName(text: string, namespace: string): WantedPod {
  const slash = text.indexOf('/');
  if (slash < 0) return withNamespace(text, namespace);
  const [kind, rest] = [text.slice(0, slash), text.slice(slash + 1)];
  const controller = CONTROLLERS[kind.toLowerCase()];
  if (controller !== undefined) return { controller, ...withNamespace(rest, namespace) };
  if (POD.includes(kind.toLowerCase())) return withNamespace(rest, namespace);
  return { name: rest, namespace: kind };
}

function withNamespace(text: string, namespace: string): { name: string; namespace: string } {
  const dot = text.lastIndexOf('.');
  return dot < 0 ? { name: text, namespace } : { name: text.slice(0, dot), namespace: text.slice(dot + 1) };
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A selector as the API takes it in a query. */
export function labelSelector({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressions].join(',');
}
