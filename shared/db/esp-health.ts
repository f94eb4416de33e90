import type { EspHealth } from '../domain/judge-health.ts';
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

export interface StoredHealth extends EspHealth {
  readonly esp: string;
  readonly lastRound: number;
  readonly lastError: string | null;
  readonly updatedAt: Date;
}

/** The health of every ESP that has one. */
export const loadHealth = async (db: Database): Promise<ReadonlyMap<string, StoredHealth>> => {
  const { rows } = await db.query<{
    esp: string;
    state: EspHealth['state'];
    good_rounds: number;
    bad_rounds: number;
    last_round: string;
    last_error: string | null;
    updated_at: Date;
  }>(`select esp, state, good_rounds, bad_rounds, last_round, last_error, updated_at from esp_health`);
  return new Map(
    rows.map((row) => [
      row.esp,
      {
        esp: row.esp,
        state: row.state,
        goodRounds: row.good_rounds,
        badRounds: row.bad_rounds,
        lastRound: Number(row.last_round),
        lastError: row.last_error,
        updatedAt: row.updated_at,
      },
    ]),
  );
};

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

/** Writes an ESP's health; its version grows with every change. */
export const storeHealth = async (db: Database, health: Omit<StoredHealth, 'updatedAt'>): Promise<void> => {
  await db.query(
    `insert into esp_health as t (esp, state, good_rounds, bad_rounds, last_round, last_error, version)
     values ($1, $2, $3, $4, $5, $6, 1)
     on conflict (esp) do update set state = excluded.state, good_rounds = excluded.good_rounds, bad_rounds = excluded.bad_rounds,
       last_round = excluded.last_round, last_error = coalesce(excluded.last_error, t.last_error), version = t.version + 1, updated_at = now()
     where t.last_round < excluded.last_round`,
    [health.esp, health.state, health.goodRounds, health.badRounds, health.lastRound, health.lastError],
  );
};
