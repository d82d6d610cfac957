import { statSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';

/** An option that names a folder that must be there. */
export function existingFolder(text: string): string {
  const stat = statSync(text, { throwIfNoEntry: false });
  if (stat === undefined) throw new InvalidArgumentError(`There is no folder ${text}.`);
  if (!stat.isDirectory()) throw new InvalidArgumentError(`${text} is a file; name the folder that it is in.`);
  return text;
}
