import type { EspHealth } from '../domain/esp-health.ts';
import type { Database } from './connect.ts';

export interface RoundCalls {
  readonly esp: string;
  readonly good: number;
  readonly bad: number;
  /** Those of the bad calls that no later call can mend (refused credentials). */
  readonly fatal: number;
  readonly lastError: string | null;
}

/** Adds an ESP's calls to the round that is running by Postgres's clock. */
export const addCalls = async (db: Database, calls: readonly RoundCalls[], roundSeconds: number): Promise<void> => {
  if (calls.length === 0) return;
  const rows = [...calls].sort((a, b) => (a.esp < b.esp ? -1 : 1));
  await db.query(
    `insert into esp_rounds as t (esp, round, good, bad, fatal, last_error)
     select c.esp, floor(extract(epoch from now()) / $6::int)::bigint, c.good, c.bad, c.fatal, c.last_error
     from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) as c(esp, good, bad, fatal, last_error)
     on conflict (esp, round) do update
       set good = t.good + excluded.good, bad = t.bad + excluded.bad, fatal = t.fatal + excluded.fatal, last_error = coalesce(excluded.last_error, t.last_error)`,
    [
      rows.map((row) => row.esp),
      rows.map((row) => row.good),
      rows.map((row) => row.bad),
      rows.map((row) => row.fatal),
      rows.map((row) => row.lastError),
      roundSeconds,
    ],
  );
};

/** On which Postgres tells that an ESP's health or controls have changed. */
export const routingChannel = 'mailfleet_routing';

export interface StoredHealth extends EspHealth {
  readonly esp: string;
  readonly lastRound: number;
  readonly lastError: string | null;
  readonly updatedAt: Date;
}

/** Rounds that have ended and are not judged yet, oldest first; those of a day ago and older are removed. */
export const closedRounds = async (
  db: Database,
  roundSeconds: number,
): Promise<(RoundCalls & { readonly round: number })[]> => {
  await db.query(`delete from esp_rounds where round < floor(extract(epoch from now() - interval '1 day') / $1::int)`, [
    roundSeconds,
  ]);
  const { rows } = await db.query<{
    esp: string;
    round: string;
    good: string;
    bad: string;
    fatal: string;
    last_error: string | null;
  }>(
    `select r.esp, r.round, r.good, r.bad, r.fatal, r.last_error from esp_rounds r
     left join esp_health h on h.esp = r.esp
     where r.round > coalesce(h.last_round, -1) and r.round < floor(extract(epoch from now()) / $1::int)
     order by r.round, r.esp`,
    [roundSeconds],
  );
  return rows.map((row) => ({
    esp: row.esp,
    round: Number(row.round),
    good: Number(row.good),
    bad: Number(row.bad),
    fatal: Number(row.fatal),
    lastError: row.last_error,
  }));
};

/**
 * Writes an ESP's health after a round, unless a later one is there already, and tells every process that listens. Answers
 * whether it was written.
 */
export const storeHealth = async (db: Database, health: Omit<StoredHealth, 'updatedAt'>): Promise<boolean> => {
  const { rowCount } = await db.query(
    `with stored as (
       insert into esp_health as t (esp, state, good_rounds, bad_rounds, last_round, last_error, trips, changed_round, version)
       values ($1, $2, $3, $4, $5, $6, $7, $8, 1)
       on conflict (esp) do update set state = excluded.state, good_rounds = excluded.good_rounds, bad_rounds = excluded.bad_rounds,
         recovered_at = case when t.bad_rounds > 0 and excluded.good_rounds > 0 then now() else t.recovered_at end,
         rest_until = case when excluded.good_rounds > 0 and t.rest_until < now() then null else t.rest_until end,
         last_round = excluded.last_round, last_error = coalesce(excluded.last_error, t.last_error), trips = excluded.trips,
         changed_round = excluded.changed_round, version = t.version + 1, updated_at = now()
       where t.last_round < excluded.last_round returning esp
     ) select pg_notify('${routingChannel}', esp) from stored`,
    [
      health.esp,
      health.state,
      health.goodRounds,
      health.badRounds,
      health.lastRound,
      health.lastError,
      health.trips,
      health.changedRound ?? null,
    ],
  );
  return (rowCount ?? 0) > 0;
};

/** Notes for the whole fleet how long (ms from now) ESPs asked to be left alone; of several wishes the longest holds. */
export const noteRests = async (db: Database, rests: ReadonlyMap<string, number>): Promise<void> => {
  if (rests.size === 0) return;
  const rows = [...rests].sort(([a], [b]) => (a < b ? -1 : 1));
  await db.query(
    `with rested as (
       insert into esp_health as t (esp, state, good_rounds, bad_rounds, last_round, version, rest_until)
       select esp, 'healthy', 0, 0, -1, 1, now() + ms * interval '1 ms' from unnest($1::text[], $2::float8[]) as r(esp, ms)
       on conflict (esp) do update set rest_until = excluded.rest_until
         where coalesce(t.rest_until < excluded.rest_until - interval '1 s', true)
       returning esp
     ) select pg_notify('${routingChannel}', esp) from rested`,
    [rows.map(([esp]) => esp), rows.map(([, ms]) => ms)],
  );
};

/** Notes that an ESP may be used again, so that what waited for it goes now. */
export const noteRecovery = async (db: Database, esp: string): Promise<void> => {
  await db.query(
    `insert into esp_health as t (esp, state, good_rounds, bad_rounds, last_round, version, recovered_at)
     values ($1, 'healthy', 0, 0, -1, 1, now()) on conflict (esp) do update set recovered_at = now()`,
    [esp],
  );
};

/**
 * Takes the probes of this round for those of the given ESPs whose probe nobody took yet: one message a round for the
 * whole fleet. Answers the ESPs that are now the caller's to try.
 */
export const takeProbes = async (
  db: Database,
  esps: readonly string[],
  roundSeconds: number,
): Promise<readonly string[]> => {
  if (esps.length === 0) return [];
  const { rows } = await db.query<{ esp: string }>(
    `insert into esp_health as t (esp, state, good_rounds, bad_rounds, last_round, version, probe_round)
     select esp, 'healthy', 0, 0, -1, 1, floor(extract(epoch from now()) / $2::int)::bigint
     from unnest($1::text[]) as e(esp) order by esp
     on conflict (esp) do update set probe_round = excluded.probe_round
       where t.probe_round < excluded.probe_round and coalesce(t.rest_until <= now(), true)
     returning esp`,
    [esps, roundSeconds],
  );
  return rows.map((row) => row.esp);
};
