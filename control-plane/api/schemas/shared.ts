import { PATH_SEGMENT } from '../../../common/identity/spiffe.js';
import type {
  Destination,
  Labels,
  LabelsSelector,
  MatchLabelsSelector,
  Percent,
  PolicyTargetReference,
  PortSelector,
  StringMatch,
} from '../kinds/shared.js';
import { object, required } from '../schema/object.js';
import type { Report } from '../schema/report.js';
import { number, port, regex, string } from '../schema/scalars.js';
import { list, map, refine, type Schema, shown } from '../schema/schema.js';

export const text = string();
export const nonEmpty = string({ min: 1 });
export const texts = list(text);
export const nonEmptyTexts = list(nonEmpty);
export const labels: Schema<Labels> = map(text);

/** Service account of a workload: the last segment of its identity. Empty is the namespace's default one. */
export const accountName = refine(string({ max: 253 }), (value, path, report) => {
  if (value === '' || PATH_SEGMENT.test(value)) return;
  report.error(path, `must be the name of a service account: letters, digits, ".", "_" and "-", got ${shown(value)}`);
});

/** Exactly one way to match. */
export const stringMatch: Schema<StringMatch> = object<StringMatch>(
  { exact: text, prefix: nonEmpty, regex },
  { exactlyOne: [['exact', 'prefix', 'regex']] },
);

/** Of headers and parameters, where an empty match asks for presence. */
export const presenceMatch: Schema<StringMatch> = object<StringMatch>(
  { exact: text, prefix: nonEmpty, regex },
  { atMostOne: [['exact', 'prefix', 'regex']] },
);

export const portSelector: Schema<PortSelector> = object<PortSelector>({ number: port });
export const percentage: Schema<Percent> = object<Percent>({ value: number(0, 100) });

/** A DNS name, `*`, or `*.` before one. */
export const host = refine(string({ min: 1, max: 253 }), (value, path, report) => {
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (value === '*' || HOST_NAME.test(name)) return;
  report.error(path, `must be a host name, optionally with "*." before it, got "${value}"`);
});
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/;

export const destination: Schema<Destination> = object<Destination>({
  host: required(host),
  subset: text,
  port: portSelector,
});

function noWildcard(value: string, path: string, report: Report, what: string): void {
  if (value.includes('*')) report.error(path, `wildcard is not allowed in a selector's ${what}, got "${value}"`);
}

function checkKey(key: string, path: string, report: Report): void {
  if (key === '') report.error(path, 'a label name must not be empty');
  noWildcard(key, path, report, 'label name');
}

const labelValue = refine(string({ max: 63 }), (value, path, report) => noWildcard(value, path, report, 'label value'));

export const matchLabels: Schema<MatchLabelsSelector> = object<MatchLabelsSelector>({
  matchLabels: map(labelValue, { max: 4_096, key: checkKey }),
});

export const labelsSelector: Schema<LabelsSelector> = object<LabelsSelector>({
  labels: map(labelValue, { max: 256, key: checkKey }),
});

const GROUP = /^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const KIND = /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;

export const targetRef: Schema<PolicyTargetReference> = object<PolicyTargetReference>({
  group: string({ max: 253, pattern: GROUP, shape: 'an API group' }),
  kind: required(string({ min: 1, max: 63, pattern: KIND, shape: 'a kind' })),
  name: required(string({ min: 1, max: 253 })),
  namespace: refine(text, (value, path, report) => {
    if (value !== '') report.error(path, 'must be empty: references to other namespaces are not supported');
  }),
});

export const targetRefs = list(targetRef, { max: 16 });

/** `.`, `*`, `~` or a namespace. */
export const exportTo = list(
  string({ min: 1, pattern: /^(?:[.*~]|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)$/, shape: '".", "*", "~" or a namespace' }),
);
