import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../shared/config/package-root.ts';
import { ConfigError } from '../shared/errors.ts';
import type { AppLog } from './app-log.ts';
import { EndedEarly, keepRunning, type Keeper, type Say } from './keep-running.ts';
import { lastWords } from './last-words.ts';
import { sendSignal, type StopStep } from './os-process.ts';
import type { PlacedProcess } from './processes.ts';
import type { RunRecord } from './run-record.ts';

const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 25_000 },
  { signal: 'SIGKILL', graceMs: 2000 },
];

export interface Supervisor {
  /** Starts these side by side; resolves when all are ready. Throws `ConfigError` with the last words of one that ends. */
  start(processes: readonly PlacedProcess[], onReady: (name: string) => void): Promise<void>;
  /** Drains and ends these, side by side, for good. */
  stop(isWanted: (process: PlacedProcess) => boolean): Promise<void>;
  /** Sends a signal to one; false when it does not run. It is started again if it ends. */
  kill(name: string, signal: NodeJS.Signals): boolean;
  pidOf(name: string): number | undefined;
}

export interface SupervisorOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly appLog: AppLog;
  readonly record: RunRecord;
  readonly say: Say;
  readonly readyWithinMs?: number;
  /** What one process is started with beside the others' environment. */
  readonly environmentOf?: (name: string) => Readonly<Record<string, string>>;
}

const untilReady = async (adminPort: number, signal: AbortSignal): Promise<void> => {
  for (;;) {
    signal.throwIfAborted();
    const isReady = await fetch(`http://127.0.0.1:${adminPort}/ready`, { signal: AbortSignal.timeout(2000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status === 200;
      },
      () => false,
    );
    if (isReady) return;
    await sleep(60);
  }
};

const asLogLine = (name: string, line: string): string =>
  line.startsWith('{') ? line : JSON.stringify({ level: 'error', name, time: new Date().toISOString(), msg: line });

/** Runs processes of the fleet: their output into one log, each started again when it dies. */
export const supervise = (options: SupervisorOptions): Supervisor => {
  const { appLog, record, say } = options;
  const running: { readonly process: PlacedProcess; readonly keeper: Keeper }[] = [];
  const find = (name: string): Keeper | undefined => running.find(({ process }) => process.name === name)?.keeper;

  const launch = (placed: PlacedProcess, hear: (line: string) => void): ChildProcess => {
    const program = join(packageRoot, 'dist', `${placed.entry}.js`);
    const env: NodeJS.ProcessEnv = {
      // What it says of versions of Node to come would stand in the log as an error of ours.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...options.environment,
      ...options.environmentOf?.(placed.name),
      ADMIN_PORT: String(placed.adminPort),
    };
    // The supervisor alone writes the log file: two writers would rotate it under each other.
    delete env['LOG_FILE'];
    const child = spawn(process.execPath, ['--enable-source-maps', program, ...placed.args], {
      cwd: packageRoot,
      env,
      // Its own session: Ctrl-C in the terminal must reach us alone, who stop things in order. The ipc channel tells
      // it when we are gone without having been able to stop it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const forward = (stream: Readable | null): void => {
      if (stream === null) return;
      createInterface({ input: stream }).on('line', (line) => {
        hear(line);
        appLog.write(asLogLine(placed.name, line));
      });
    };
    forward(child.stdout);
    forward(child.stderr);
    if (child.pid !== undefined) record.add(child.pid, program);
    return child;
  };

  const startOne = async (placed: PlacedProcess): Promise<void> => {
    const words = lastWords();
    const keeper = keepRunning({
      name: placed.name,
      launch: () => launch(placed, words.hear),
      ready: (signal) => untilReady(placed.adminPort, signal),
      readyWithinMs: options.readyWithinMs ?? 60_000,
      stopSteps,
      say,
    });
    running.push({ process: placed, keeper });
    try {
      await keeper.start();
    } catch (error) {
      if (!(error instanceof EndedEarly)) throw error;
      throw new ConfigError(`${error.message}. Its last words:\n${words.text()}`);
    }
  };

  return {
    start: async (processes, onReady) => {
      await Promise.all(
        processes.map((placed) =>
          startOne(placed).then(() => {
            onReady(placed.name);
          }),
        ),
      );
    },
    stop: async (isWanted) => {
      await Promise.all(running.filter(({ process }) => isWanted(process)).map(({ keeper }) => keeper.stop()));
    },
    kill: (name, signal) => {
      const pid = find(name)?.pid();
      return pid !== undefined && sendSignal(pid, signal);
    },
    pidOf: (name) => find(name)?.pid(),
  };
};
