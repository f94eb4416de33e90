import type { Database, Pool } from './connect.ts';

/**
 * Removes texts, attachments and variables of requests older than `days` of which nothing is still to be sent, oldest
 * first, at most `limit`. What stays: who sent it, to whom, and what became of it. Answers how many, and where large
 * content lies that may go too.
 */
export const purgeBodies = (
  pool: Pool,
  days: number,
  limit: number,
): Promise<{ readonly purged: number; readonly contentRefs: readonly string[] }> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<{ id: string; content_ref: string | null }>(
      `with old as (
         select r.id, r.content ->> 'contentRef' as content_ref from requests r
         where r.body_purged_at is null and r.created_at < now() - $1::int * interval '1 day'
           and not exists (select from messages m where m.request_id = r.id and m.status in ('queued', 'scheduled', 'sending', 'unknown'))
         order by r.created_at, r.id limit $2 for update of r skip locked
       )
       update requests r set body_purged_at = now(), content = jsonb_build_object('from', r.content -> 'from')
       from old where r.id = old.id returning r.id, old.content_ref`,
      [days, limit],
    );
    await db.query(
      `update messages set data = null, name = null
       where request_id = any($1::text[]) and (data is not null or name is not null)`,
      [rows.map((row) => row.id)],
    );
    return { purged: rows.length, contentRefs: rows.flatMap((row) => row.content_ref ?? []) };
  });

/** Drops the daily partitions of events that are older than `days` (UTC, by Postgres's clock). Answers their names. */
export const dropEventPartitions = async (db: Database, days: number): Promise<readonly string[]> => {
  const { rows } = await db.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass and c.relname ~ '^events_[0-9]{8}$'
       and to_date(substring(c.relname from 8), 'YYYYMMDD') < (now() at time zone 'utc')::date - $1::int
     order by 1`,
    [days],
  );
  for (const { name } of rows) await db.query(`drop table if exists ${name}`);
  // Events of days that no partition was made for: told very late, or with a strange clock.
  await db.query(`delete from events_default where event_day < (now() at time zone 'utc')::date - $1::int`, [days]);
  return rows.map((row) => row.name);
};

/** Removes dead letters that were stored more than `days` ago, at most `limit`. Answers how many. */
export const purgeLetters = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from dead_letters where id in (
       select id from dead_letters where stored_at < now() - $1::int * interval '1 day' order by id limit $2 for update skip locked)`,
    [days, limit],
  );
  return rowCount ?? 0;
};
