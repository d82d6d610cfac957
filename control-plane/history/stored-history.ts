import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { messageOf } from '../../common/runtime/errors.js';
import type { ConfigObject } from '../api/object.js';
import { objectKey } from '../api/object.js';
import type { KeptHistory, Version } from './history.js';
import { isObject } from './interventions.js';

const FORMAT = 1;
const MAX_TEXT = 64_000_000;

type StoredObject = Omit<ConfigObject, 'origin'>;

interface StoredVersion extends Omit<Version, 'changes'> {
  readonly changes: readonly { readonly before?: StoredObject; readonly after?: StoredObject }[];
}

interface StoredHistory {
  readonly format: number;
  readonly versions: readonly StoredVersion[];
  readonly objects: readonly StoredObject[];
}

/**
 * A history as bytes, at most `maxBytes` of them: what does not fit is left out, oldest first. Undefined when not even the newest
 * version fits. What is in a history holds no secrets (`isKept`).
 */
export async function encodeHistory(history: KeptHistory, maxBytes: number): Promise<Buffer | undefined> {
  const objects = [...history.objects.values()].map(withoutOrigin);
  for (let { versions } = history; versions.length > 0; versions = versions.slice(Math.ceil(versions.length / 2))) {
    const stored: StoredHistory = { format: FORMAT, versions: versions.map(storedVersion), objects };
    const text = JSON.stringify(stored);
    if (text.length > MAX_TEXT) continue;
    const bytes = await promisify(gzip)(text);
    if (bytes.length <= maxBytes) return bytes;
  }
  return undefined;
}

/** Throws an Error that says what is wrong. */
export async function decodeHistory(bytes: Buffer): Promise<KeptHistory> {
  let value: Partial<StoredHistory>;
  try {
    const text = await promisify(gunzip)(bytes, { maxOutputLength: MAX_TEXT });
    value = JSON.parse(text.toString('utf8')) as typeof value;
  } catch (error) {
    throw new Error(`the history cannot be read: ${messageOf(error)}`);
  }
  const { format, versions, objects } = value;
  if (format !== FORMAT) throw new Error(`the history is of format ${String(format)}, not ${FORMAT}`);
  if (!Array.isArray(versions) || !versions.every(isVersion) || !Array.isArray(objects) || !objects.every(isObject))
    throw new Error('the history is not what a control plane writes');
  return {
    versions: versions.map(versionFrom),
    objects: new Map(objects.map((object) => [keyOf(object), { ...object, origin: undefined }])),
  };
}

function storedVersion({ changes, ...version }: Version): StoredVersion {
  return {
    ...version,
    changes: changes.map(({ before, after }) => ({
      ...(before !== undefined && { before: withoutOrigin(before) }),
      ...(after !== undefined && { after: withoutOrigin(after) }),
    })),
  };
}

function withoutOrigin({ origin: _origin, ...object }: ConfigObject): StoredObject {
  return object;
}

function versionFrom({ changes, ...version }: StoredVersion): Version {
  return {
    ...version,
    changes: changes.flatMap(({ before, after }) => {
      const named = after ?? before;
      if (named === undefined) return [];
      return [{ key: keyOf(named), before: placed(before), after: placed(after) }];
    }),
  };
}

function placed(object: StoredObject | undefined): ConfigObject | undefined {
  return object === undefined ? undefined : { ...object, origin: undefined };
}

function keyOf({ kind, metadata }: StoredObject): ReturnType<typeof objectKey> {
  return objectKey(kind, metadata.namespace, metadata.name);
}

function isVersion(value: unknown): value is StoredVersion {
  const { id, number, time, changes, unreadable } = (value ?? {}) as Partial<StoredVersion>;
  return (
    typeof id === 'string' &&
    typeof number === 'number' &&
    typeof time === 'number' &&
    Array.isArray(unreadable) &&
    Array.isArray(changes) &&
    changes.every(
      ({ before, after }) => (before === undefined || isObject(before)) && (after === undefined || isObject(after)),
    )
  );
}
