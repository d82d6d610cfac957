import type { HttpMatchRequest, HttpRoute, VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { parseQuantity } from '../api/quantity.js';
import { AnalysisCode } from './codes.js';
import { covers } from './match-cover.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Routes and matches that no request can reach, and weights that divide nothing. */
export function checkRoutes(registry: Registry, report: Reporter): void {
  for (const object of registry.all('VirtualService')) {
    checkOrder(object, report);
    for (const [i, route] of (object.spec.http ?? []).entries())
      checkWeights(object, route, `spec.http[${i}].route`, report);
  }
  for (const object of registry.all('TrafficSplit')) {
    const weights = object.spec.backends.map(({ weight }) => parseQuantity(weight) ?? 0);
    if (weights.some((weight) => weight > 0)) continue;
    report.error(
      object,
      AnalysisCode.noWeight,
      'spec.backends',
      'all weights are 0: give at least one backend a weight',
    );
  }
}

interface Earlier {
  readonly match: HttpMatchRequest;
  readonly where: string;
}

/** More matches than this are not compared with each other: the work grows with the square. */
const MAX_MATCHES = 2_000;

function checkOrder(object: ConfigObject<VirtualServiceSpec>, report: Reporter): void {
  const earlier: Earlier[] = [];
  for (const [i, route] of (object.spec.http ?? []).entries()) {
    const path = `spec.http[${i}]`;
    const title = route.name === undefined ? `http[${i}]` : `http[${i}] "${route.name}"`;
    const matches = matchesOf(route);
    const covered = matches.map((match) => earlier.find((entry) => covers(entry.match, match)));
    const [first] = covered;
    if (first !== undefined && covered.every((entry) => entry !== undefined)) {
      report.warning(
        object,
        AnalysisCode.unreachableRule,
        path,
        `never used: ${first.where} takes every request first; move this route before it, or narrow that one`,
      );
    } else {
      for (const [j, entry] of covered.entries()) {
        if (entry !== undefined) reportIneffective(object, `${path}.match[${j}]`, entry.where, report);
      }
      reportRepeated(object, matches, path, report);
    }
    if (route.delegate !== undefined || earlier.length > MAX_MATCHES) continue;
    for (const match of matches) earlier.push({ match, where: title });
  }
}

function matchesOf(route: HttpRoute): readonly HttpMatchRequest[] {
  return route.match === undefined || route.match.length === 0 ? [{}] : route.match;
}

function reportIneffective(object: ConfigObject, field: string, where: string, report: Reporter): void {
  report.info(object, AnalysisCode.ineffectiveMatch, field, `has no effect: ${where} takes every such request first`);
}

function reportRepeated(
  object: ConfigObject,
  matches: readonly HttpMatchRequest[],
  path: string,
  report: Reporter,
): void {
  if (matches.length > MAX_MATCHES) return;
  for (const [j, match] of matches.entries()) {
    const first = matches.slice(0, j).findIndex((other) => covers(other, match));
    if (first >= 0) reportIneffective(object, `${path}.match[${j}]`, `match[${first}] of the same route`, report);
  }
}

function checkWeights(object: ConfigObject, { route }: HttpRoute, field: string, report: Reporter): void {
  if (route === undefined || route.length < 2 || route.some(({ weight }) => (weight ?? 0) > 0)) return;
  report.error(object, AnalysisCode.noWeight, field, 'all weights are 0: give at least one destination a weight');
}
