import { gunzipSync, gzipSync } from 'node:zlib';
import type { BypassState } from '../../common/observe/mesh-state.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { ConfigObject } from '../api/object.js';
import { definitionOf, isKnownKind } from '../api/registry.js';
import type { ConfigSet } from '../sources/source.js';

/** Where the control plane does something else than the objects say, because somebody asked for it. */
export interface Interventions {
  /** Another for every change. */
  readonly id: string;
  readonly rollback?: Rollback;
  readonly bypasses: readonly BypassState[];
}

/** The data plane is at an earlier version, whatever the objects are now. */
export interface Rollback {
  readonly version: string;
  /** ms since the epoch. */
  readonly time: number;
  readonly by: string;
  /** All objects of that version, as this release reads them. */
  readonly objects: readonly Omit<ConfigObject, 'origin'>[];
  readonly unreadable: ConfigSet['unreadablePolicies'];
}

export const NO_INTERVENTIONS: Interventions = { id: '', bypasses: [] };

/** In a cluster; its one key has what a file has here. */
export const INTERVENTIONS_NAME = 'weft-interventions';
export const INTERVENTIONS_FILE = 'interventions.json.gz';
/** What a ConfigMap can hold, less what is around it. */
export const MAX_BYTES = 700_000;

const FORMAT = 1;
const MAX_TEXT = 64_000_000;

export function encodeInterventions(interventions: Interventions): Buffer {
  return gzipSync(JSON.stringify({ format: FORMAT, ...interventions }));
}

/** Throws an Error that says what is wrong: half of an intervention would be worse than none. */
export function decodeInterventions(bytes: Buffer): Interventions {
  let value: Partial<Interventions> & { readonly format?: number };
  try {
    value = JSON.parse(gunzipSync(bytes, { maxOutputLength: MAX_TEXT }).toString('utf8')) as typeof value;
  } catch (error) {
    throw new Error(`the interventions cannot be read: ${messageOf(error)}`);
  }
  const { format, id, rollback, bypasses } = value;
  if (format !== FORMAT) throw new Error(`the interventions are of format ${String(format)}, not ${FORMAT}`);
  if (typeof id !== 'string' || !Array.isArray(bypasses) || !bypasses.every(isBypass) || !isRollback(rollback))
    throw new Error('the interventions are not what `weft rollback` and `weft bypass` write');
  return { id, bypasses, ...(rollback !== undefined && { rollback }) };
}

function isBypass(value: unknown): value is BypassState {
  const { namespace, workload, mtls, until } = (value ?? {}) as Partial<BypassState>;
  return (
    typeof namespace === 'string' &&
    namespace !== '' &&
    (workload === undefined || typeof workload === 'string') &&
    typeof mtls === 'boolean' &&
    (until === undefined || typeof until === 'number')
  );
}

function isRollback(value: Partial<Rollback> | undefined): value is Rollback | undefined {
  if (value === undefined) return true;
  const { version, objects, unreadable } = value;
  return typeof version === 'string' && Array.isArray(objects) && objects.every(isObject) && Array.isArray(unreadable);
}

/** An object as it was written down, of a kind that this release knows. */
export function isObject(value: unknown): boolean {
  const { kind, metadata, spec } = (value ?? {}) as Partial<ConfigObject>;
  return (
    typeof kind === 'string' &&
    isKnownKind(kind) &&
    definitionOf(kind).clusterScoped !== true &&
    typeof metadata?.name === 'string' &&
    typeof metadata.namespace === 'string' &&
    typeof spec === 'object'
  );
}

/** What happened, for the log, for Events and for people. */
export interface Occurrence {
  readonly reason: 'RolledBack' | 'Resumed' | 'Bypassed' | 'BypassLifted';
  readonly message: string;
  /** Empty for the whole mesh. */
  readonly namespace: string;
}

export function occurrences(before: Interventions, after: Interventions): Occurrence[] {
  const found: Occurrence[] = [];
  const { rollback } = after;
  if (rollback !== undefined && rollback.version !== before.rollback?.version) {
    const message = `the data plane went back to version ${rollback.version}, asked for by ${rollback.by}`;
    found.push({ reason: 'RolledBack', message, namespace: '' });
  }
  if (rollback === undefined && before.rollback !== undefined) {
    const message = `the data plane follows the objects again, and left version ${before.rollback.version}`;
    found.push({ reason: 'Resumed', message, namespace: '' });
  }
  const [old, young] = [before, after].map(({ bypasses }) => new Map(bypasses.map((one) => [bypassKey(one), one])));
  for (const [key, one] of young ?? []) {
    if (old?.has(key) !== true) found.push({ reason: 'Bypassed', message: bypassText(one), namespace: one.namespace });
  }
  for (const [key, one] of old ?? []) {
    if (
      young?.has(key) === true ||
      [...(young?.values() ?? [])].some((other) => bypassTitle(other) === bypassTitle(one))
    )
      continue;
    const message = `the sidecars of ${bypassTitle(one)} follow the configuration again`;
    found.push({ reason: 'BypassLifted', message, namespace: one.namespace });
  }
  return found;
}

function bypassKey({ namespace, workload, mtls }: BypassState): string {
  return JSON.stringify([namespace, workload, mtls]);
}

export function bypassTitle({ namespace, workload }: Pick<BypassState, 'namespace' | 'workload'>): string {
  return workload === undefined ? `namespace ${namespace}` : `${workload}.${namespace}`;
}

function bypassText(one: BypassState): string {
  const until = one.until === undefined ? '' : ` until ${new Date(one.until).toISOString()}`;
  return `the sidecars of ${bypassTitle(one)} are plain pass-through${until}, ${one.mtls ? 'with' : 'without'} mTLS, asked for by ${one.by}`;
}
