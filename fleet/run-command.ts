import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Whether a program of this name would be found. */
export const isOnPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and answers how it went; a program that is not there has not gone well, it never throws. */
export const runCommand = (
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
    readonly uid?: number;
    readonly gid?: number;
  } = {},
): Promise<CommandResult> => {
  const { timeoutMs: timeout, ...rest } = options;
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { ...rest, ...(timeout === undefined ? {} : { timeout }), maxBuffer: 16 * 1024 * 1024, encoding: 'utf8' },
      (error, stdout, stderr) => {
        resolve({ ok: error === null, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
      },
    );
  });
};
