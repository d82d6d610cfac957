import { isDeepStrictEqual } from 'node:util';
import { objectTitle } from '../api/finding.js';
import type { ConfigObject, Finding } from '../api/object.js';
import { KindLists } from '../model/kind-lists.js';
import type { ConfigSet } from '../sources/source.js';
import { checkConflicts } from './conflicts.js';
import { checkDelegates } from './delegates.js';
import { checkEjection } from './ejection.js';
import { checkEnvoyFilters } from './envoy-filters.js';
import { checkGateways } from './gateways.js';
import { PodKinds } from './pod-kinds.js';
import { checkPolicies } from './policies.js';
import { checkReferences } from './references.js';
import { Registry } from './registry.js';
import { Reporter } from './reporter.js';
import { checkRoutes } from './routes.js';
import { checkServiceEntries } from './service-entries.js';
import { checkSidecars } from './sidecars.js';
import { checkTls } from './tls.js';
import { checkTokens } from './tokens.js';

const ANALYZERS = [
  checkReferences,
  checkGateways,
  checkDelegates,
  checkRoutes,
  checkConflicts,
  checkPolicies,
  checkTls,
  checkEjection,
  checkEnvoyFilters,
  checkServiceEntries,
  checkSidecars,
  checkTokens,
];

/** Codes that are not to be reported about an object, separated by commas; `*` for all. */
const SUPPRESS = 'galley.istio.io/analyze-suppress';

/** No check asks for them, or pods: by their labels only. */
const UNSEEN: ReadonlySet<string> = new Set(['EndpointSlice', 'Node', 'Pod']);

interface Analyzed {
  readonly lists: KindLists;
  readonly set: ConfigSet;
  readonly findings: readonly Finding[];
  /** Another pod like others may change what is found. */
  readonly tellsPods: boolean;
}

/** Analyzes one set after the other; one that differs from the last in nothing that any check looks at costs next to nothing. */
export class Analyzer {
  private last: Analyzed | undefined;
  private kinds: PodKinds | undefined;

  analyze(set: ConfigSet): readonly Finding[] {
    const { last } = this;
    const lists = new KindLists(set.objects, last?.lists);
    const samePods = this.samePods(lists, last);
    if (
      last !== undefined &&
      samePods &&
      isDeepStrictEqual(besides(last.set), besides(set)) &&
      lists.sameBut(last.lists, UNSEEN)
    ) {
      this.last = { ...last, lists, set };
      return last.findings;
    }
    const { kinds } = this;
    // Should this throw, they would not be those of the last set.
    this.kinds = undefined;
    const findings = analyze(set);
    this.kinds = kinds;
    this.last = { lists, set, findings, tellsPods: tellsPods(findings, lists) };
    return findings;
  }

  /** As far as checks see them: most that come and go are like others that stay. */
  private samePods(lists: KindLists, last: Analyzed | undefined): boolean {
    if (last === undefined || lists.same(last.lists, 'Pod')) return true;
    this.kinds ??= new PodKinds(last.lists.of('Pod'));
    return this.kinds.takesAsSame(lists.since(last.lists, 'Pod')) && !last.tellsPods;
  }
}

/** Findings may name a pod, and one check counts those of a service. */
function tellsPods(findings: readonly Finding[], lists: KindLists): boolean {
  return (
    findings.some(({ object, message }) => object.startsWith('Pod ') || message.includes('Pod ')) ||
    lists.of('DestinationRule').some(({ spec }) => JSON.stringify(spec).includes('"outlierDetection"'))
  );
}

function besides({ objects: _, ...others }: ConfigSet): object {
  return others;
}

/** Everything worth telling about a set of configuration, in order of file and line. Pure. */
export function analyze(set: ConfigSet): Finding[] {
  const registry = new Registry(set);
  const report = new Reporter();
  for (const check of ANALYZERS) check(registry, report);
  const suppressed = suppressions(set);
  return [...set.findings, ...report.findings]
    .filter(({ object, code }) => {
      const codes = suppressed.get(object);
      return codes === undefined || !(codes.has('*') || codes.has(code));
    })
    .sort(byPlace);
}

function suppressions(set: ConfigSet): Map<string, ReadonlySet<string>> {
  const suppressed = new Map<string, ReadonlySet<string>>();
  for (const object of set.objects.values()) {
    const codes = object.metadata.annotations[SUPPRESS];
    if (codes !== undefined) suppressed.set(titleOf(object), new Set(codes.split(',').map((code) => code.trim())));
  }
  return suppressed;
}

function titleOf({ kind, metadata }: ConfigObject): string {
  return objectTitle(kind, metadata.namespace, metadata.name);
}

function byPlace(a: Finding, b: Finding): number {
  return (
    compare(a.file ?? '', b.file ?? '') ||
    (a.line ?? 0) - (b.line ?? 0) ||
    compare(a.code, b.code) ||
    compare(a.field, b.field) ||
    compare(a.message, b.message)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
