import type { CaReport, CertificateReport } from '../../control-plane/ca/report.js';
import { formatTable } from '../output/table.js';

const DAY_MS = 86_400_000;
const SHOWN = 20;

/** The CA for people; `now` in ms. */
export function describeStatus(report: CaReport, now: number): string {
  const rows = [...report.intermediates, ...report.roots].map((certificate) => [
    report.roots.includes(certificate) ? 'root' : 'intermediate',
    certificate.subject,
    certificate.key,
    certificate.sha256.slice(0, 16),
    left(certificate, now),
    certificate.signs ? 'signs' : report.roots.includes(certificate) ? 'trusted' : '',
  ]);
  return [
    `Authority: ${report.source}`,
    ...(report.external === undefined ? [] : [`Workloads: ${report.external}`]),
    formatTable(['KIND', 'SUBJECT', 'KEY', 'SHA-256', 'ENDS', ''], rows),
    '',
    ...rotationLines(report),
    ...proxyLines(report),
  ].join('\n');
}

export const ROOT_WARNING_DAYS = 30;
export const INTERMEDIATE_WARNING_DAYS = 14;

/** What has ended or soon does, and what to do about it; while a rotation replaces a root, roots are its matter. */
export function endingSoon({ roots, intermediates, external, rotation }: CaReport, now: number): string[] {
  const within = (days: number) => (one: CertificateReport) => Date.parse(one.notAfter) - now < days * DAY_MS;
  const late = rotation === undefined ? roots.filter(within(ROOT_WARNING_DAYS)) : [];
  const own = roots.some(({ signs }) => signs) && external === undefined;
  return [
    ...late.map((one) => {
      const advice = own ? 'weft ca rotate-root' : 'bring its successor, first beside it';
      return `the root ${one.subject} ends: ${left(one, now)}; ${advice}`;
    }),
    ...intermediates
      .filter(within(INTERMEDIATE_WARNING_DAYS))
      .map((one) => `the intermediate certificate ${one.subject} ends: ${left(one, now)}; bring a new one`),
  ];
}

function left({ notAfter }: CertificateReport, now: number): string {
  const days = Math.floor((Date.parse(notAfter) - now) / DAY_MS);
  const when = days < 2 ? notAfter : notAfter.slice(0, 10);
  return days < 0 ? `${when} (over)` : `${when} (${days} days)`;
}

/** How far a rotation is, and whom it waits for. */
export function rotationLines({ rotation }: CaReport): string[] {
  if (rotation === undefined) return ['No rotation is under way.'];
  const lines = [`Rotation of the root: ${stepOf(rotation)}, since ${rotation.stepSince}`];
  if (rotation.problem !== '') lines.push(`  it cannot go on: ${rotation.problem}`);
  for (const { proxy, reason } of rotation.waitingFor.slice(0, SHOWN)) lines.push(`  waits for ${proxy}: ${reason}`);
  const more = rotation.waitingFor.length - SHOWN;
  if (more > 0) lines.push(`  and for ${more} more`);
  if (rotation.waitingFor.length === 0 && !rotation.settled)
    lines.push('  waits for proxies to come back after the control plane has begun');
  return lines;
}

export function stepOf({ step, aborted }: NonNullable<CaReport['rotation']>): string {
  if (step === 'trust') return 'step 1 of 3, the new root is trusted everywhere';
  return aborted === true ? 'called off, the old root signs again' : 'step 2 of 3, the new root signs';
}

function proxyLines({ proxies, external }: CaReport): string[] {
  if (proxies.length === 0) return ['No proxy is connected.'];
  const count = (holds: (proxy: CaReport['proxies'][number]) => boolean): number => proxies.filter(holds).length;
  const lines = [
    `${count(({ roots }) => roots === 'current')} of ${proxies.length} proxies have the newest roots` +
      (external === undefined
        ? `, ${count(({ certificate }) => certificate === 'current')} a certificate of who signs now.`
        : '.'),
  ];
  const silent = count(({ roots }) => roots === 'unknown');
  if (silent > 0) lines.push(`${silent} do not say whom they trust: they get roots with their next certificate.`);
  return lines;
}
