import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { commandOf, stopLeftover, type StopStep } from './os-process.ts';

// Who runs under this home, so that the next start meets neither a living fleet nor what a killed one left behind.

const running = z.object({ pid: z.number().int(), command: z.string() });
const record = z.object({ supervisor: running, processes: z.array(running) });

const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 5000 },
  { signal: 'SIGKILL', graceMs: 2000 },
];

export interface RunRecord {
  /** Notes a process that was started; `command` is a part of its command line that nobody else's has. */
  add(pid: number, command: string): void;
  remove(): void;
}

const read = (path: string): z.infer<typeof record> | undefined => {
  if (!existsSync(path)) return undefined;
  try {
    return record.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Half written by a run that was killed; what it started has ended with it, or its ports will tell.
    return undefined;
  }
};

/** The pid of a fleet that runs under this record now, if there is one. */
export const livingSupervisor = (path: string): number | undefined => {
  const supervisor = read(path)?.supervisor;
  if (supervisor === undefined || supervisor.pid === process.pid) return undefined;
  return commandOf(supervisor.pid) === supervisor.command ? supervisor.pid : undefined;
};

/** Stops the processes of a run whose supervisor was killed. Returns how many there were. */
export const stopLeftovers = async (path: string): Promise<number> => {
  const stopped = await Promise.all(
    // A process renames itself once it runs, so either of its two command lines is ours.
    (read(path)?.processes ?? []).map(({ pid, command }) =>
      stopLeftover(pid, (found) => found.includes(command) || found.startsWith('mailfleet '), stopSteps),
    ),
  );
  return stopped.filter(Boolean).length;
};

/** Begins the record of this run. */
export const beginRecord = (path: string): RunRecord => {
  mkdirSync(dirname(path), { recursive: true });
  const supervisor = { pid: process.pid, command: commandOf(process.pid) };
  const processes: z.infer<typeof running>[] = [];
  const write = (): void => {
    writeFileSync(`${path}.new`, JSON.stringify({ supervisor, processes }));
    renameSync(`${path}.new`, path);
  };
  write();
  return {
    add: (pid, command) => {
      processes.push({ pid, command });
      write();
    },
    remove: () => {
      rmSync(path, { force: true });
    },
  };
};
