import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { canPin } from './processes.js';
import type { Programs } from './scenario.js';

export interface Machine {
  readonly processors: string;
  readonly node: string;
  /** Empty without one. */
  readonly envoy: string;
  readonly pinned: boolean;
}

/** @throws Error when a program does not tell its version, or Envoy is no release build. */
export function describeMachine({ node, envoy }: Programs): Machine {
  const model = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  return {
    processors: `${cpus().length} × ${model.trim()}`,
    node: nodeVersion(node),
    envoy: envoy === undefined ? '' : envoyVersion(envoy),
    pinned: canPin,
  };
}

export function formatMachine({ processors, node, envoy, pinned }: Machine): string {
  const unpinned = pinned ? '' : '; not pinned: taskset or a second processor is missing';
  return `${processors}, Node ${node}${envoy === '' ? '' : `, Envoy ${envoy}`}${unpinned}`;
}

/** Such as `20.20.2`. */
export function nodeVersion(node: string): string {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (version === '') throw new Error(`${node} --version gave no answer`);
  return version.replace(/^v/, '');
}

function envoyVersion(envoy: string): string {
  const text = spawnSync(envoy, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  const [, version, build] = /\/(\d+\.\d+\.\d+[^/]*)\/[^/]*\/([^/]*)\//.exec(text) ?? [];
  if (version === undefined) throw new Error(`${envoy} --version does not answer as Envoy does: ${text.trim()}`);
  if (build !== 'RELEASE') throw new Error(`${envoy} is a ${build} build; only a release build is a fair opponent`);
  return version;
}
