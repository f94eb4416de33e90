import type { Database } from './connect.ts';

/**
 * Goes through the next `limit` standing decisions (no batch) after the one with the id `after` that are older than a day,
 * and removes those nobody needs: of an hour only the last is kept, and none that was replaced more than 30 days ago -
 * but always what a request refers to, and what still stands. Answers how many were removed and where to go on;
 * undefined at the end.
 *
 * Negative ids are the invented past of `npm run seed`, which is removed as a whole.
 *
 * What counts is when a decision was replaced, not when it was made: a sender may follow one until then.
 */
export const thinDecisions = async (
  db: Database,
  after: number,
  limit: number,
): Promise<{ readonly removed: number; readonly next: number | undefined }> => {
  const { rows } = await db.query<{ seen: string; last: string | null; removed: string }>(
    `with seen as (
       select id from weight_decisions
       where id > $1 and batch_id = '' and decided_at < now() - interval '1 day' order by id limit $2
     ), unused as (
       select d.id from weight_decisions d join seen using (id) cross join lateral (
         select n.decided_at from weight_decisions n
         where n.account_id = d.account_id and n.batch_id = '' and n.id > d.id order by n.id limit 1
       ) replaced
       where (replaced.decided_at < now() - interval '30 days' or (replaced.decided_at < now() - interval '1 day'
                and date_trunc('hour', replaced.decided_at, 'UTC') = date_trunc('hour', d.decided_at, 'UTC')))
         and not exists (select from requests r where r.decision_id = d.id)
       for update of d skip locked
     ), gone as (delete from weight_decisions d using unused where d.id = unused.id returning d.id)
     select (select count(*) from seen) as seen, (select max(id) from seen) as last, (select count(*) from gone) as removed`,
    [after, limit],
  );
  const { seen, last, removed } = rows[0] ?? { seen: '0', last: null, removed: '0' };
  return { removed: Number(removed), next: Number(seen) < limit || last === null ? undefined : Number(last) };
};
