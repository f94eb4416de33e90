import colors from 'picocolors';
import type { AppLog } from './app-log.ts';

/** What the user of `npm start` sees: plain lines, coloured only where the terminal wants it. */
export interface Checklist {
  /** Something is up; says how long it took since `startedAt`. */
  readonly done: (what: string, startedAt: number) => void;
  /** Something worth knowing; kept in the log as well. */
  readonly say: (line: string) => void;
  readonly failed: (message: string) => void;
  readonly plain: (text: string) => void;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Writes to stdout; `appLog` also hears what happens while nobody watches the terminal. */
export const createChecklist = (appLog: AppLog): Checklist => {
  const note = (level: string, msg: string): void => {
    appLog.write(JSON.stringify({ level, name: 'fleet', time: new Date().toISOString(), msg }));
  };
  // The terminal may be closed before us; that must not end the fleet.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return {
    done: (what, startedAt) => {
      console.log(`${colors.green('✓')} ${what} ${colors.dim(`(${seconds(Date.now() - startedAt)})`)}`);
      note('info', what);
    },
    say: (line) => {
      console.log(`${colors.yellow('·')} ${line}`);
      note('warn', line);
    },
    failed: (message) => {
      console.error(`${colors.red('✗')} ${message}`);
      note('error', message);
    },
    plain: (text) => {
      console.log(text);
    },
  };
};
