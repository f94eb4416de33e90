import type { Database } from './connect.ts';

/**
 * Claims whose lease has run out become `unknown`: whoever held them may have sent them. Their window is the class's
 * (ms). Answers how many; at most 1,000 a call.
 */
export const expireLeases = async (db: Database, windowMs: Readonly<Record<string, number>>): Promise<number> => {
  const { rowCount } = await db.query(
    `with expired as (
       select id, request_id, attempt, esp, claimed_at from messages
       where status = 'sending' and lease_until < now() order by lease_until limit 1000 for update skip locked
     ), noted as (
       insert into attempts (message_id, number, esp, state, started_at, finished_at, error)
       select id, attempt, esp, 'unknown', claimed_at, now(), 'The process that sent it ended before it knew the answer.' from expired
       on conflict (message_id, number) do nothing
     )
     update messages m set status = 'unknown', lease_token = null, lease_until = null, updated_at = now(),
            reason = 'The process that sent it ended before it knew the answer.',
            due_at = now() + coalesce(($1::jsonb ->> r.class)::int, 60000) * interval '1 ms'
     from expired e join requests r on r.id = e.request_id where m.id = e.id`,
    [JSON.stringify(windowMs)],
  );
  return rowCount ?? 0;
};

/**
 * Unknown messages whose window is over without a webhook: sent again, flagged, where the request allows duplicates;
 * left visible as `unknown` where it does not. Answers how many were queued again; at most 1,000 a call.
 */
export const releaseUnknown = async (db: Database): Promise<number> => {
  const { rowCount } = await db.query(
    `with over as (
       select m.id, r.policy from messages m join requests r on r.id = m.request_id
       where m.status = 'unknown' and m.due_at < now() order by m.due_at limit 1000 for update of m skip locked
     )
     update messages m set
       status = case when o.policy = 'at-least-once' then 'queued' else m.status end,
       duplicate_suspected = m.duplicate_suspected or o.policy = 'at-least-once',
       due_at = case when o.policy = 'at-least-once' then now() end,
       updated_at = now()
     from over o where m.id = o.id`,
  );
  return rowCount ?? 0;
};

/**
 * Takes waiting messages whose time has come, for publication, and keeps others from taking them for 30 s. A process
 * that dies in between only delays them: the same ids are taken again.
 */
export const takeDueMessages = async (
  db: Database,
  limit: number,
): Promise<{ readonly id: string; readonly lane: string }[]> => {
  const { rows } = await db.query<{ id: string; lane: string }>(
    `with due as (
       select id, request_id from messages
       where status in ('queued', 'scheduled') and due_at <= now() and (lease_until is null or lease_until < now())
       order by due_at limit $1 for update skip locked
     )
     update messages m set lease_until = now() + interval '30 s'
     from due d join requests r on r.id = d.request_id where m.id = d.id
     returning m.id, r.lane`,
    [limit],
  );
  return rows;
};
