import type { V1Container } from '@kubernetes/client-node';
import { isMapping } from '../../api/schema/schema.js';

/** Entries of `base` with those of `changes` over them; what has the same key is merged in its place. */
export function mergeNamed<T extends object>(base: readonly T[], changes: readonly T[], key: keyof T): T[] {
  const merged = [...base];
  for (const change of changes) {
    const index = merged.findIndex((entry) => entry[key] === change[key]);
    const there = merged[index];
    if (there === undefined) merged.push(change);
    else merged[index] = mergeObject(there, change);
  }
  return merged;
}

/** By which field Kubernetes tells the entries of a container's lists apart; other lists are replaced. */
const KEYS: Readonly<Record<string, string>> = {
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
};

/** What can be said only once: choosing one takes the others away. */
const EXCLUSIVE: readonly (readonly string[])[] = [
  ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'],
  ['value', 'valueFrom'],
];

/** A container with a user's changes, as `kubectl patch` merges strategically. */
export function mergeContainer(base: V1Container, change: V1Container): V1Container {
  return mergeObject(base, change);
}

function mergeObject<T extends object>(base: T, change: T): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(base));
  for (const [field, value] of Object.entries(change)) {
    if (value === undefined) continue;
    for (const group of EXCLUSIVE) if (group.includes(field)) for (const other of group) delete result[other];
    result[field] = mergeField(field, (base as Readonly<Record<string, unknown>>)[field], value);
  }
  // Every key of T keeps a value of the type that `change` gives it.
  return result as T;
}

function mergeField(field: string, base: unknown, change: unknown): unknown {
  const key = KEYS[field];
  if (key !== undefined && Array.isArray(base) && Array.isArray(change)) {
    const entries = (list: readonly unknown[]): Readonly<Record<string, unknown>>[] => list.filter(isMapping);
    return mergeNamed(entries(base), entries(change), key);
  }
  return isMapping(base) && isMapping(change) ? mergeObject(base, change) : change;
}
