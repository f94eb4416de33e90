import { existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const rotateAtBytes = 20 * 1024 * 1024;

/** Opens a file for a service to write its log to; one that has grown large is put aside first. */
export const openLogFile = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path) && statSync(path).size > rotateAtBytes) renameSync(path, `${path}.1`);
  return openSync(path, 'a');
};

/** The last lines of a log, for a message that must say why. */
export const tailOf = (path: string, lines = 8): string =>
  existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '(empty)';
