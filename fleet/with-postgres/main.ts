import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { migrateDatabase } from '../../migrations/migrate.ts';
import { ConfigError } from '../../shared/errors.ts';
import { portFaults } from '../ports.ts';
import { beginRecord, livingSupervisor, stopLeftovers } from '../run-record.ts';
import { embeddedPostgres } from '../services/postgres.ts';
import { composeSettings, readEnvironment, type FleetSettings } from '../settings.ts';

// Runs one program that needs tables and nothing else of a fleet: `with-postgres/main <program> [args]`. The database is
// DATABASE_URL (which run.mjs has taken from a running fleet, if there is one), else the embedded Postgres for as long
// as the program runs.

const say = (line: string): void => {
  console.error(line);
};

const runProgram = (args: readonly string[], databaseUrl: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      stdio: 'inherit',
      env: { ...process.env, DATABASE_URL: databaseUrl },
    });
    // A terminal's Ctrl-C reaches the child by itself; a signal sent to us alone must be passed on. We end after it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });

const withEmbedded = async (
  settings: FleetSettings,
  work: (databaseUrl: string) => Promise<number>,
): Promise<number> => {
  const { home } = settings;
  const recordFile = join(home, 'fleet.json');
  const living = livingSupervisor(recordFile);
  if (living !== undefined)
    throw new ConfigError(`Another program runs under ${home} (pid ${living}); wait for its end.`);
  mkdirSync(home, { recursive: true });
  await stopLeftovers(recordFile);
  const postgres = embeddedPostgres({
    home,
    port: settings.postgresPort,
    password: settings.postgresPassword,
    say,
  });
  await postgres.clear();
  const faults = await portFaults(postgres.ports);
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // So that `npm start` and a second one of us know that these data are in use.
  const record = beginRecord(recordFile);
  try {
    say(await postgres.start());
    return await work(settings.environment['DATABASE_URL'] ?? '');
  } finally {
    await postgres.stop();
    record.remove();
  }
};

const work = async (databaseUrl: string): Promise<number> => {
  await migrateDatabase(databaseUrl);
  return runProgram(process.argv.slice(2), databaseUrl);
};

// drizzle's own message is the statement; what Postgres said of it is the cause.
const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);

try {
  const settings = composeSettings(readEnvironment());
  process.exitCode = await (settings.databaseUrl === undefined
    ? withEmbedded(settings, work)
    : work(settings.databaseUrl));
} catch (error) {
  say(error instanceof ConfigError ? error.message : `The database cannot be used: ${reasonOf(error)}`);
  process.exitCode = 1;
}
