import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The command line of a process; empty when there is no such process, or only its remains (a zombie). */
export const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    if (process.platform === 'linux') return '';
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
};

/** Sends a signal; false when the process is gone already. */
export const sendSignal = (pid: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
};

export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
}

/**
 * Stops a process that an earlier run left behind, signal by signal. It is touched only while its command line is still
 * the one that `isOurs` knows: a pid may have gone to somebody else. Returns whether there was such a process.
 */
export const stopLeftover = async (
  pid: number,
  isOurs: (command: string) => boolean,
  steps: readonly StopStep[],
): Promise<boolean> => {
  const runs = (): boolean => {
    const command = commandOf(pid);
    return command !== '' && isOurs(command);
  };
  if (!runs()) return false;
  for (const { signal, graceMs } of steps) {
    sendSignal(pid, signal);
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline) {
      await sleep(30);
      if (!runs()) return true;
    }
  }
  return true;
};
