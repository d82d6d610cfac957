import type { V1LabelSelector } from '@kubernetes/client-node';

type Labels = Readonly<Record<string, string>>;

/** Whether labels satisfy a selector of Kubernetes. An unknown operator matches nothing. */
export function selects({ matchLabels, matchExpressions }: V1LabelSelector, labels: Labels): boolean {
  const equal = Object.entries(matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return (
    equal && (matchExpressions ?? []).every(({ key, operator, values }) => holds(operator, values ?? [], labels[key]))
  );
}

export function isEmptySelector({ matchLabels, matchExpressions }: V1LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}

function holds(operator: string, values: readonly string[], value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
