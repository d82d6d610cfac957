import { AnalysisCode } from '../analyze/codes.js';
import { Code } from '../api/codes.js';
import type { Finding } from '../api/object.js';

/** istio.meta.v1alpha1.IstioCondition. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

/** istio.analysis.v1alpha1.AnalysisMessageBase. */
export interface ValidationMessage {
  readonly type: { readonly code: string };
  readonly level: 'ERROR' | 'WARNING' | 'INFO';
}

/** The part of IstioStatus and ServiceEntryStatus that is ours. */
export interface IstioStatus {
  readonly conditions: readonly Condition[];
  readonly validationMessages: readonly ValidationMessage[];
  readonly observedGeneration: number;
  readonly addresses?: readonly { readonly value: string; readonly host: string }[];
}

/** What somebody has written into a status before; nothing of it is certain. */
export interface ForeignStatus {
  readonly conditions?: readonly Partial<Condition>[];
  readonly validationMessages?: readonly unknown[];
  readonly observedGeneration?: number | string;
  readonly addresses?: readonly unknown[];
}

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const UNRESOLVED: ReadonlySet<string> = new Set([
  AnalysisCode.referenceNotFound,
  AnalysisCode.noMatchingWorkloads,
  AnalysisCode.hostNotInGateway,
  AnalysisCode.unknownTelemetryProvider,
  AnalysisCode.subsetSelectsNothing,
  AnalysisCode.unknownRuleHost,
]);
const UNSUPPORTED: ReadonlySet<string> = new Set([Code.unknownField, Code.unsupportedField, Code.unknownKind]);
const REFUSED: ReadonlySet<string> = new Set([Code.schema, Code.wrongApiVersion, Code.unreadable]);
const OURS: ReadonlySet<string> = new Set(['Programmed', 'ResolvedRefs', 'Supported']);
/** Kubernetes keeps no longer messages. */
const MAX_MESSAGE = 4096;

/**
 * `Programmed` says whether the object is in force; `ResolvedRefs` and `Supported` are there only while something of it refers
 * to nothing, or is not acted on.
 */
export function verdictsOf(findings: readonly Finding[]): Verdict[] {
  const grave = findings.filter(({ level }) => level !== 'info');
  const refused = grave.filter(({ code, level }) => level === 'error' && REFUSED.has(code));
  const unread = grave.filter(({ code }) => code === Code.unknownKind);
  const unresolved = grave.filter(({ code }) => UNRESOLVED.has(code));
  const unsupported = grave.filter(({ code }) => UNSUPPORTED.has(code));
  const told = new Set([...refused, ...unresolved, ...unsupported]);
  const others = grave.filter((finding) => !told.has(finding));
  return [
    programmed(refused, unread, others),
    ...negative('ResolvedRefs', 'NotFound', unresolved),
    ...negative('Supported', 'NotSupported', unsupported),
  ];
}

function programmed(refused: readonly Finding[], unread: readonly Finding[], others: readonly Finding[]): Verdict {
  const type = 'Programmed';
  if (refused.length > 0) return { type, status: 'False', reason: 'Invalid', message: textOf(refused) };
  if (unread.length > 0) return { type, status: 'False', reason: 'NotSupported', message: textOf(unread) };
  if (others.length > 0) return { type, status: 'True', reason: 'Warnings', message: textOf(others) };
  return { type, status: 'True', reason: 'Programmed', message: 'in force' };
}

function negative(type: string, reason: string, findings: readonly Finding[]): Verdict[] {
  return findings.length === 0 ? [] : [{ type, status: 'False', reason, message: textOf(findings) }];
}

function textOf(findings: readonly Finding[]): string {
  const lines = findings.map(({ code, field, message }) => `${code}${field === '' ? '' : ` ${field}`}: ${message}`);
  const text = [...new Set(lines)].join('\n');
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}

/**
 * The status that an object should have, or undefined when `before` says the same already. Conditions of others stay, and a
 * condition keeps its time of transition until its status changes.
 */
export function statusOf(
  wanted: { readonly findings: readonly Finding[]; readonly addresses?: IstioStatus['addresses'] },
  before: ForeignStatus,
  generation: number,
  now: number,
): IstioStatus | undefined {
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  const had = before.conditions ?? [];
  const ours = verdictsOf(wanted.findings).map((verdict): Condition => {
    const last = had.find(({ type }) => type === verdict.type);
    const kept = last?.status === verdict.status ? last.lastTransitionTime : undefined;
    return { ...verdict, lastTransitionTime: kept ?? time, observedGeneration: generation };
  });
  const foreign = had.filter(({ type }) => type !== undefined && !OURS.has(type)) as Condition[];
  const validationMessages = messagesOf(wanted.findings);
  const status: IstioStatus = {
    conditions: [...foreign, ...ours],
    validationMessages,
    observedGeneration: generation,
    ...(wanted.addresses === undefined ? {} : { addresses: wanted.addresses }),
  };
  return same(status, before) ? undefined : status;
}

function messagesOf(findings: readonly Finding[]): ValidationMessage[] {
  const byCode = new Map<string, ValidationMessage>();
  for (const { code, level } of findings) {
    if (level === 'info') continue;
    byCode.set(`${code} ${level}`, { type: { code }, level: level === 'error' ? 'ERROR' : 'WARNING' });
  }
  return [...byCode.values()];
}

function same(status: IstioStatus, before: ForeignStatus): boolean {
  const sameConditions =
    status.conditions.length === (before.conditions ?? []).length &&
    status.conditions.every((condition) => {
      const other = before.conditions?.find(({ type }) => type === condition.type);
      return (
        other?.status === condition.status &&
        other.reason === condition.reason &&
        other.message === condition.message &&
        Number(other.observedGeneration ?? 0) === Number(condition.observedGeneration ?? 0)
      );
    });
  return (
    sameConditions &&
    Number(before.observedGeneration ?? 0) === status.observedGeneration &&
    JSON.stringify(before.validationMessages ?? []) === JSON.stringify(status.validationMessages) &&
    (status.addresses === undefined || JSON.stringify(before.addresses ?? []) === JSON.stringify(status.addresses))
  );
}
