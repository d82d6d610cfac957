import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { restoreScript } from './restore.js';
import { captureRules } from './rules.js';
import type { CaptureSettings, Family } from './settings.js';

/** Runs a program to its end. `status` is undefined when it could not be started. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  input?: string,
) => { readonly status: number | undefined; readonly stdout: string; readonly stderr: string };

export interface ApplyResult {
  /** What was done or left out, a line each. */
  readonly notes: readonly string[];
  readonly errors: readonly string[];
}

const PROGRAM: Readonly<Record<Family, string>> = { v4: 'iptables', v6: 'ip6tables' };
/** The one that the image or machine prefers, then the two that it may stand for. */
const VARIANTS = ['', '-nft', '-legacy'];

/** Puts the rules in force. An error means that at least one family has none of them. */
export function applyCapture(settings: CaptureSettings, run: RunProgram, ipv6: Ipv6): ApplyResult {
  const notes: string[] = [];
  const errors: string[] = [];
  for (const family of ['v4', 'v6'] as const) {
    if (family === 'v6' && ipv6 === 'no') {
      notes.push('IPv6: this network has none, nothing to do');
      continue;
    }
    const error = applyFamily(settings, family, run);
    if (error === undefined) notes.push(`${family === 'v4' ? 'IPv4' : 'IPv6'}: rules are in force`);
    else if (family === 'v6' && ipv6 === 'unlikely')
      notes.push(`IPv6: left alone, since this network has none: ${error}`);
    else errors.push(error);
  }
  return { notes, errors };
}

function applyFamily(settings: CaptureSettings, family: Family, run: RunProgram): string | undefined {
  const failures: string[] = [];
  for (const variant of VARIANTS) {
    const program = `${PROGRAM[family]}${variant}`;
    const saved = run(`${program}-save`, []);
    const script = restoreScript(captureRules(settings, family), saved.status === 0 ? saved.stdout : '');
    const restored = run(`${program}-restore`, ['--noflush', '--wait=30'], script);
    if (restored.status === 0) return addSource(family, run) ?? routeMarked(settings, family, run);
    failures.push(`${program}-restore: ${reasonOf(restored)}`);
  }
  return explain(family, failures);
}

/** 127.0.0.6 is there by itself; its counterpart, from which the sidecar speaks to its own pod, is not. */
function addSource(family: Family, run: RunProgram): string | undefined {
  if (family === 'v4') return undefined;
  const done = run('ip', ['-6', 'addr', 'replace', '::6/128', 'dev', 'lo']);
  return done.status === 0 ? undefined : `ip -6 addr replace ::6/128 dev lo: ${reasonOf(done)}`;
}

/** TPROXY delivers marked packets as if they were for this machine. */
function routeMarked(settings: CaptureSettings, family: Family, run: RunProgram): string | undefined {
  if (settings.mode !== 'TPROXY') return undefined;
  const { tproxyMark, tproxyTable } = settings;
  const ip = family === 'v4' ? '-4' : '-6';
  const rule = ['fwmark', String(tproxyMark), 'lookup', String(tproxyTable)];
  // A rule may stand twice; a second run takes the first one's away.
  run('ip', [ip, 'rule', 'del', ...rule]);
  for (const args of [
    ['rule', 'add', ...rule],
    ['route', 'replace', 'local', 'default', 'dev', 'lo', 'table', String(tproxyTable)],
  ]) {
    const done = run('ip', [ip, ...args]);
    if (done.status !== 0) return `ip ${ip} ${args.join(' ')}: ${reasonOf(done)}`;
  }
  return undefined;
}

function reasonOf({ status, stderr }: ReturnType<RunProgram>): string {
  if (status === undefined) return 'program not found';
  const text = stderr
    .trim()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Try `'))
    .join('; ');
  return text === '' ? `exit code ${status}` : text;
}

/** What a person can do about it. */
function explain(family: Family, failures: readonly string[]): string {
  const all = failures.join(' | ');
  const name = PROGRAM[family];
  if (failures.every((failure) => failure.includes('program not found'))) {
    return `${name}-restore is not installed in this image: capture needs it (${all})`;
  }
  if (/permission denied|operation not permitted|must be root/i.test(all)) {
    return `no right to change ${name}: this container needs root and the capability NET_ADMIN, which the namespace's pod security may forbid (${all})`;
  }
  if (
    /table does not exist|can't initialize|no such file or directory|does not exist|no chain\/target\/match/i.test(all)
  ) {
    return `the node's kernel lacks what ${name} needs (modules nf_nat, xt_REDIRECT, xt_owner; for TPROXY xt_TPROXY): load them on the node (${all})`;
  }
  return `${name} refuses the rules (${all})`;
}

/** Starts programs of this machine. */
export const runProgram: RunProgram = (program, args, input) => {
  const { status, stdout, stderr, error } = spawnSync(program, [...args], {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  return { status: error === undefined ? (status ?? 1) : undefined, stdout: stdout ?? '', stderr: stderr ?? '' };
};

/** Whether connections over IPv6 can leave this network namespace: `unlikely` has loopback or link-local addresses only. */
export type Ipv6 = 'yes' | 'unlikely' | 'no';

export function networkIpv6(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): Ipv6 {
  let lines: string[];
  try {
    lines = read('/proc/net/if_inet6').split('\n');
  } catch {
    return 'no';
  }
  const addresses = lines.filter((line) => line.trim() !== '');
  if (addresses.some((line) => !/^(?:0{31}1|fe[89ab])/.test(line))) return 'yes';
  return addresses.length > 0 ? 'unlikely' : 'no';
}

/** Name servers of a resolv.conf. */
export function nameServers(resolvConf: string): string[] {
  return resolvConf.split('\n').flatMap((line) => /^\s*nameserver\s+([^\s%]+)/.exec(line)?.[1] ?? []);
}
