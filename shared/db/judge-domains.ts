import type { Database, Pool } from './connect.ts';
import { loadThreshold } from './domain-totals.ts';
import { judgedSql, lockJudging, verdictsChannel } from './judged.ts';

// Of a record in an outbox row; as `outbox.ts` has it.
const recordsPerRow = 500;

/**
 * Judges every domain anew, without counting anything again, and makes the totals anew from what there is. One statement
 * changes the verdicts and writes their records to the outbox, in rows of 500: a million changes never lie in this process's
 * memory. `verdictTopic` undefined: nobody is told. To be called in a transaction of its own; answers how many changed.
 */
export const judgeAllDomains = async (
  db: Database,
  deliveredThreshold: number,
  verdictTopic: string | undefined,
): Promise<number> => {
  await lockJudging(db, 'alone');
  const judged = judgedSql('delivered', 'bounced', '$1');
  const { rows } = await db.query<{ changed: string }>(
    `with changed as (
       update domain_counters set verdict_before = verdict, verdict = ${judged}, verdict_changes = verdict_changes + 1
       where verdict <> ${judged}
       returning domain, verdict_before, verdict, verdict_changes
     ), told as (
       insert into outbox (records, due_at)
       select jsonb_agg(jsonb_build_object('topic', $2::text, 'key', domain, 'text', json_build_object(
                'id', md5(domain || ':' || verdict_changes), 'domain', domain, 'from', verdict_before, 'to', verdict,
                'at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                'change', verdict_changes)::text)), now()
       from (select *, (row_number() over () - 1) / $3::int as row from changed) c
       where $2::text is not null group by row
     )
     select count(*) as changed from changed`,
    [deliveredThreshold, verdictTopic ?? null, recordsPerRow],
  );
  await db.query('delete from domain_totals');
  await db.query(
    `insert into domain_totals (shard, catch_all, not_catch_all, unknown)
     select -1, count(*) filter (where verdict = 'catch-all'), count(*) filter (where verdict = 'not-catch-all'),
            count(*) filter (where verdict = 'unknown') from domain_counters`,
  );
  await db.query(
    `insert into domain_rule as r (name, delivered_threshold) values ('fleet', $1)
     on conflict (name) do update set delivered_threshold = excluded.delivered_threshold, judged_at = now()`,
    [deliveredThreshold],
  );
  await db.query('select pg_notify($1, $2)', [verdictsChannel, '']);
  return Number(rows[0]?.changed);
};

/**
 * Makes the threshold the fleet's: where another one is stored, or none, all domains are judged anew. Answers what it was
 * before and how many verdicts changed; undefined where nothing was to be done.
 */
export const adoptThreshold = (
  pool: Pool,
  deliveredThreshold: number,
  verdictTopic: string,
): Promise<{ readonly before: number | undefined; readonly changed: number } | undefined> =>
  pool.transaction(async (db) => {
    await lockJudging(db, 'alone');
    const before = await loadThreshold(db);
    if (before === deliveredThreshold) return undefined;
    return { before, changed: await judgeAllDomains(db, deliveredThreshold, verdictTopic) };
  });
