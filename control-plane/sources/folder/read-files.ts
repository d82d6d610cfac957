import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../common/runtime/clock.js';
import { messageOf } from '../../../common/runtime/errors.js';
import { objectTitle } from '../../api/finding.js';
import type { ConfigSet } from '../source.js';
import { mergeFiles } from './config-set.js';
import { FileCache, type FileText } from './file-cache.js';
import { readFile } from './file-state.js';

const STANDARD_INPUT = '-';

/**
 * Reads files, folders and `-` (standard input) once. `namespace` is that of objects that name none. Throws when a path is
 * not there; faults in files are findings.
 */
export async function readFiles(paths: readonly string[], namespace: string): Promise<ConfigSet> {
  const texts = await Promise.all(paths.map(textsOf));
  return mergeFiles(
    texts.flat().map((file) => readFile(file, undefined, namespace)),
    [],
  );
}

async function textsOf(path: string): Promise<readonly FileText[]> {
  if (path === STANDARD_INPUT) return [{ name: 'standard input', text: readFileSync(0, 'utf8'), fault: undefined }];
  if (statSync(path).isDirectory()) {
    const files = await new FileCache(path, systemClock.now).refresh();
    return files.map((file) => ({ ...file, name: join(path, file.name) }));
  }
  try {
    return [{ name: path, text: readFileSync(path, 'utf8'), fault: undefined }];
  } catch (error) {
    return [{ name: path, text: undefined, fault: `cannot be read: ${messageOf(error)}` }];
  }
}

/** A set as it would be after the objects of another were applied to it. Pure. */
export function overlay(base: ConfigSet, top: ConfigSet): ConfigSet {
  const replaced = new Set(
    [...top.objects.values()].map(({ kind, metadata }) => objectTitle(kind, metadata.namespace, metadata.name)),
  );
  return {
    objects: new Map([...base.objects, ...top.objects]),
    findings: [...base.findings.filter(({ object }) => !replaced.has(object)), ...top.findings],
    unreadablePolicies: [
      ...base.unreadablePolicies.filter(
        ({ kind, namespace, name }) => !replaced.has(objectTitle(kind, namespace, name)),
      ),
      ...top.unreadablePolicies,
    ],
  };
}
