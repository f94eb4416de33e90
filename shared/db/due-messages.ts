import type { StateChange } from '../domain/outcome-records.ts';
import type { Database } from './connect.ts';

/**
 * Claims whose lease has run out become `unknown`: whoever held them may have sent them. Their window is the class's
 * (ms). Answers them; at most 1,000 a call.
 */
export const expireLeases = async (
  db: Database,
  windowMs: Readonly<Record<string, number>>,
): Promise<StateChange[]> => {
  const { rows } = await db.query<{
    id: string;
    request_id: string;
    account_id: string;
    email: string;
    attempt: number;
    esp: string;
    at: Date;
    reason: string;
  }>(
    `with expired as (
       select id, request_id, attempt, esp, claimed_at, lease_token from messages
       where status = 'sending' and lease_until < now() order by lease_until limit 1000 for update skip locked
     ), noted as (
       insert into attempts (message_id, number, esp, state, started_at, finished_at, error)
       select id, attempt, esp, 'unknown', claimed_at, now(), 'The process that sent it ended before it knew the answer.' from expired
       on conflict (message_id, number) do nothing
     )
     update messages m set status = 'unknown', lease_token = null, lease_until = null, updated_at = now(),
            unsure_attempt = coalesce(m.unsure_attempt, e.attempt), unsure_token = coalesce(m.unsure_token, e.lease_token),
            reason = 'The process that sent it ended before it knew the answer.',
            due_at = now() + coalesce(($1::jsonb ->> r.class)::int, 60000) * interval '1 ms'
     from expired e join requests r on r.id = e.request_id where m.id = e.id
     returning m.id, m.request_id, m.account_id, m.email, m.attempt, m.esp, m.updated_at as at, m.reason`,
    [JSON.stringify(windowMs)],
  );
  return rows.map(({ request_id: requestId, account_id: accountId, ...row }) => ({
    ...row,
    requestId,
    accountId,
    status: 'unknown',
  }));
};

/**
 * Unknown messages whose window is over without a webhook: queued again where the request allows duplicates - whoever
 * claims them flags them, unless it repeats the very same call - and left visible as `unknown` where it does not. Answers how many were queued again; at most 1,000 a call.
 */
export const releaseUnknown = async (db: Database): Promise<number> => {
  const { rowCount } = await db.query(
    `with over as (
       select m.id, r.policy from messages m join requests r on r.id = m.request_id
       where m.status = 'unknown' and m.due_at < now() order by m.due_at limit 1000 for update of m skip locked
     )
     update messages m set
       status = case when o.policy = 'at-least-once' then 'queued' else m.status end,
       -- A version that did not note the attempt leaves the flag to this statement.
       duplicate_suspected = m.duplicate_suspected or (o.policy = 'at-least-once' and m.unsure_attempt is null),
       due_at = case when o.policy = 'at-least-once' then now() end,
       updated_at = now()
     from over o where m.id = o.id`,
  );
  return rowCount ?? 0;
};

/** When an ESP last did well after it had not; undefined when that never was. */
export const lastRecovery = async (db: Database): Promise<string | undefined> => {
  const { rows } = await db.query<{ at: string | null }>('select max(recovered_at)::text as at from esp_health');
  return rows[0]?.at ?? undefined;
};

/**
 * Messages that no ESP took and that wait since before the given time are due within two seconds, instead of when their
 * growing pause is over: what they waited for is back. Answers how many; at most `limit` a call.
 */
export const wakeWaiting = async (db: Database, since: string, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `with waiting as (
       select id from messages
       where status = 'queued' and attempt > 0 and due_at > now() + interval '2 s' and updated_at < $1::timestamptz
       order by due_at limit $2 for update skip locked
     )
     update messages m set due_at = now() + random() * interval '2 s', updated_at = now() from waiting w where m.id = w.id`,
    [since, limit],
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
