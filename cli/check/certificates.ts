import type { CaReport, CertificateReport } from '../../control-plane/ca/report.js';
import { INTERMEDIATE_WARNING_DAYS, rotationLines } from '../ca/describe.js';
import { error, type Line, ok, some, warning } from './report.js';

const DAY_MS = 86_400_000;
const ROTATION_WARNING_MS = 2 * 3_600_000;

/** What the CA says of itself: intermediates, a rotation that stands still, proxies that trust the wrong roots. Pure; `now` in ms. */
export function caLines(report: CaReport, now: number): Line[] {
  return [...report.intermediates.map((one) => intermediateLine(one, now)), ...rotation(report, now), ...trust(report)];
}

function intermediateLine({ subject, notAfter }: CertificateReport, now: number): Line {
  const days = Math.floor((Date.parse(notAfter) - now) / DAY_MS);
  const until = notAfter.slice(0, 10);
  const advice = 'put a new certificate and key into Secret cacerts; it is taken without a restart';
  if (days < 0) return error(`the intermediate certificate ${subject} ended on ${until}`, advice);
  if (days < INTERMEDIATE_WARNING_DAYS) {
    return warning(`the intermediate certificate ${subject} ends in ${days} days, on ${until}`, advice);
  }
  return ok(`the intermediate certificate ${subject} is valid until ${until} (${days} days)`);
}

function rotation(report: CaReport, now: number): Line[] {
  if (report.rotation === undefined) return [];
  const [text = '', ...more] = rotationLines(report);
  const stuck = report.rotation.problem !== '' || now - Date.parse(report.rotation.stepSince) > ROTATION_WARNING_MS;
  if (!stuck) return [ok(text)];
  return [warning([text, ...more.map((line) => line.trim())].join('; '), 'weft ca status shows whom it waits for')];
}

function trust({ proxies }: CaReport): Line[] {
  const refused = proxies.filter(({ roots }) => roots === 'refused').map(({ proxy }) => proxy);
  return refused.length === 0
    ? []
    : [error(`proxies that refuse the roots of the mesh: ${some(refused)}`, 'their logs say why; weft ca status')];
}
