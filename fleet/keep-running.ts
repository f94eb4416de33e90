import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StopStep } from './os-process.ts';
import { nextAttempt, restartDelayMs } from './restart-delay.ts';

export type Say = (line: string) => void;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be launched. */
  readonly fault?: string;
}

/** Something that is to run until it is stopped. */
export interface Kept {
  readonly name: string;
  readonly launch: () => ChildProcess | Promise<ChildProcess>;
  /** Resolves when it does its work; gives up when the signal is aborted. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly readyWithinMs: number;
  readonly stopSteps: readonly StopStep[];
  readonly say: Say;
}

export interface Keeper {
  /** Resolves when it is ready. Throws `EndedEarly` when it ends by itself before that. */
  start(): Promise<void>;
  /** Ends it for good, at whatever point it is. */
  stop(): Promise<void>;
  pid(): number | undefined;
}

interface Run {
  readonly child: ChildProcess | undefined;
  readonly exited: Promise<Exit>;
  readonly startedAt: number;
}

const describeExit = ({ code, signal, fault }: Exit): string =>
  fault ?? (signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`);

/** It ended, or never became ready, at its very first start: trying again would not help. */
export class EndedEarly extends Error {
  readonly exit: Exit;

  constructor(name: string, exit: Exit) {
    super(`${name} did not start (${describeExit(exit)})`);
    this.exit = exit;
  }
}

const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const exitOf = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
    child.once('error', (error) => {
      resolve({ code: null, signal: null, fault: error.message });
    });
  });

/** Keeps one program running: starts it again with growing delays whenever it ends unasked, and says so. */
export const keepRunning = (kept: Kept): Keeper => {
  const stopping = new AbortController();
  let current: Run | undefined;
  let launching: Promise<Run> | undefined;

  const launchNow = async (): Promise<Run> => {
    const child = await kept.launch();
    current = { child, exited: exitOf(child), startedAt: Date.now() };
    return current;
  };
  const launch = (): Promise<Run> => {
    launching = launchNow();
    return launching;
  };

  const untilReady = async (run: Run, limit: AbortSignal): Promise<Exit | undefined> => {
    const ended = new AbortController();
    const readiness = kept.ready(AbortSignal.any([stopping.signal, limit, ended.signal])).then(() => undefined);
    // Whichever comes second may still reject; nobody listens then.
    readiness.catch(() => undefined);
    try {
      return await Promise.race([readiness, run.exited]);
    } finally {
      ended.abort();
    }
  };

  const relaunch = async (): Promise<Run> => {
    try {
      return await launch();
    } catch (error) {
      const fault = errorMessage(error);
      return { child: undefined, exited: Promise.resolve({ code: null, signal: null, fault }), startedAt: Date.now() };
    }
  };

  const watch = async (first: Run): Promise<void> => {
    let run = first;
    let attempt = 1;
    for (;;) {
      const exit = await run.exited;
      if (stopping.signal.aborted) return;
      attempt = nextAttempt(attempt, Date.now() - run.startedAt);
      const delayMs = restartDelayMs(attempt);
      kept.say(`${kept.name} stopped unexpectedly (${describeExit(exit)}); starting it again in ${delayMs / 1000} s`);
      const isWanted = await sleep(delayMs, true, { signal: stopping.signal }).catch(() => false);
      if (!isWanted) return;
      const started = await relaunch();
      const number = attempt;
      untilReady(started, stopping.signal).then(
        (ended) => {
          if (ended === undefined) kept.say(`${kept.name} is back (attempt ${number})`);
        },
        () => undefined,
      );
      run = started;
    }
  };

  const stopRun = async ({ child, exited }: Run): Promise<void> => {
    for (const { signal, graceMs } of kept.stopSteps) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await Promise.race([exited, sleep(graceMs, undefined, { ref: false })]);
    }
  };

  return {
    start: async () => {
      const run = await launch();
      const limit = AbortSignal.timeout(kept.readyWithinMs);
      const exit = await untilReady(run, limit).catch((error: unknown): Exit => {
        const fault = limit.aborted ? `not ready after ${kept.readyWithinMs / 1000} s` : errorMessage(error);
        return { code: null, signal: null, fault };
      });
      if (exit !== undefined) {
        await stopRun(run);
        throw new EndedEarly(kept.name, exit);
      }
      void watch(run);
    },
    stop: async () => {
      stopping.abort();
      await launching?.catch(() => undefined);
      if (current !== undefined) await stopRun(current);
    },
    pid: () => current?.child?.pid,
  };
};
