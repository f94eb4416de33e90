import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const isPackageRoot = (folder: string): boolean => {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof content === 'object' && content !== null && 'name' in content && content.name === 'mailfleet';
};

const findPackageRoot = (start: string): string => {
  let folder = start;
  while (!isPackageRoot(folder)) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json of mailfleet above ${start}`);
    folder = parent;
  }
  return folder;
};

/** The folder of our package.json. Compiled code lies one or more folders deeper than its source, so it is looked for. */
export const packageRoot: string = findPackageRoot(import.meta.dirname);
