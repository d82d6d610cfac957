import type { Table } from './rules.js';

/** Chains of an earlier run, or of Istio's own init container. */
const OURS = /^-A (?:PREROUTING|OUTPUT) .*-[jg] ISTIO_[A-Z_]+$/;

/**
 * Input for `iptables-restore --noflush`: all tables, each replaced as a whole or not at all. What `iptables-save` shows of an
 * earlier run is taken out first, so that a second run changes nothing; rules of others stay.
 */
export function restoreScript(tables: readonly Table[], saved: string): string {
  return tables
    .map(({ name, chains, rules, entries }) => {
      const before = tableOf(saved, name).filter((line) => OURS.test(line));
      return [
        `*${name}`,
        // A chain that is there already is emptied by its declaration.
        ...chains.map((chain) => `:${chain} - [0:0]`),
        ...before.map((line) => `-D${line.slice(2)}`),
        ...rules,
        ...entries,
        'COMMIT',
        '',
      ].join('\n');
    })
    .join('');
}

/** Rules of one table in the output of iptables-save. */
function tableOf(saved: string, name: string): string[] {
  const lines = saved.split('\n');
  const start = lines.indexOf(`*${name}`);
  if (start < 0) return [];
  const end = lines.indexOf('COMMIT', start);
  return lines.slice(start + 1, end < 0 ? undefined : end).filter((line) => line.startsWith('-A '));
}
