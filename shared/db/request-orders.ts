// What an account says of a request after it was accepted: that it is off, that it waits, that it goes later. The order stands
// in a row of its own, so that records which are still on their topic obey it when they are stored.
import type { StateChange } from '../domain/outcome-records.ts';
import type { Database, Pool } from './connect.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** Why a message is over whose owner called it off. */
export const cancelReason = 'It was cancelled.';

export interface RequestOrder {
  readonly isCancelled: boolean;
  readonly isPaused: boolean;
  /** Not before this time (ISO 8601); null: as the request said. */
  readonly sendAt: string | null;
}

interface RequestName {
  readonly accountId: string;
  readonly requestId: string;
}

const keyOf = ({ accountId, requestId }: RequestName): string => `${accountId}\n${requestId}`;

/** The orders about some requests; most have none. */
export const loadOrders = async (
  db: Database,
  requests: readonly RequestName[],
): Promise<(request: RequestName) => RequestOrder | undefined> => {
  const unique = [...new Map(requests.map((request) => [keyOf(request), request])).values()];
  if (unique.length === 0) return () => undefined;
  const { rows } = await db.query<{
    account_id: string;
    request_id: string;
    is_cancelled: boolean;
    is_paused: boolean;
    send_at: Date | null;
  }>(
    `select o.account_id, o.request_id, o.is_cancelled, o.is_paused, o.send_at
     from request_orders o join unnest($1::text[], $2::text[]) as r(account_id, request_id) using (account_id, request_id)`,
    [unique.map(({ accountId }) => accountId), unique.map(({ requestId }) => requestId)],
  );
  const orders = new Map(
    rows.map((row) => [
      keyOf({ accountId: row.account_id, requestId: row.request_id }),
      { isCancelled: row.is_cancelled, isPaused: row.is_paused, sendAt: row.send_at?.toISOString() ?? null },
    ]),
  );
  return (request) => orders.get(keyOf(request));
};

export type Command = 'cancel' | 'pause' | 'resume' | { readonly sendAt: string };

// Each repairs all rows of the requests it is given: of one that was just ordered about, or of all that were a moment ago.
// Paced requests first, then messages, as whoever starts a batch locks them.
const chosen = `chosen as (select account_id, request_id, is_cancelled, is_paused, send_at from request_orders
  where ($1::text is null and updated_at > now() - interval '1 minute') or (account_id = $1 and request_id = $2))`;
const waiting = `m.status in ('queued', 'scheduled')`;

const repairPaced = `with ${chosen}
  update paced_requests p set
    held_at = case when o.is_paused and not o.is_cancelled then coalesce(p.next_at, p.held_at) end,
    next_at = case when not o.is_paused and not o.is_cancelled then coalesce(p.next_at, p.held_at) end
  from chosen o where p.request_id = o.request_id and p.account_id = o.account_id
    and (o.is_cancelled or o.is_paused = (p.next_at is not null)) and coalesce(p.next_at, p.held_at) is not null`;

const locked = (condition: string): string =>
  `with ${chosen}, free as (
     select m.id, o.send_at from messages m join chosen o on o.request_id = m.request_id and o.account_id = m.account_id
     where ${waiting} and ${condition} order by m.id for update of m)`;

const cancel = `${locked('o.is_cancelled')}
   update messages m set status = 'cancelled', reason = $3, due_at = null, held_due_at = null,
          lease_until = null, updated_at = now() from free where m.id = free.id
   returning m.id, m.request_id, m.account_id, m.email, m.attempt, m.esp, m.updated_at as at`;

interface CancelledRow {
  id: string;
  request_id: string;
  account_id: string;
  email: string;
  attempt: number;
  esp: string;
  at: Date;
}
const cancelled = ({ request_id: requestId, account_id: accountId, ...row }: CancelledRow): StateChange => ({
  ...{ ...row, requestId, accountId },
  status: 'cancelled',
  reason: cancelReason,
});

const repairs = [
  `${locked('o.is_paused and not o.is_cancelled and m.due_at is not null')}
   update messages m set held_due_at = m.due_at, due_at = null, lease_until = null, updated_at = now() from free where m.id = free.id`,
  `${locked('not o.is_paused and not o.is_cancelled and m.held_due_at is not null')}
   update messages m set due_at = m.held_due_at, held_due_at = null, updated_at = now() from free where m.id = free.id`,
];

// Only what has not been tried, nor waits for another reason; batches that were started keep their time.
const movable = `m.attempt = 0 and coalesce(m.due_at, m.held_due_at) is not null
  and not exists (select from paced_requests p where p.request_id = m.request_id)`;
const move = `${locked(`o.send_at is not null and not o.is_cancelled and ${movable}
    and coalesce(m.due_at, m.held_due_at) is distinct from o.send_at and ($1::text is not null or o.send_at > now())`)}
  update messages m set status = 'scheduled', due_at = case when m.due_at is not null then free.send_at end,
         held_due_at = case when m.due_at is null then free.send_at end, lease_until = null, updated_at = now()
  from free where m.id = free.id`;

const repair = async (
  db: Database,
  request: RequestName | undefined,
  outcomeTopic: string | undefined,
): Promise<number> => {
  const values = [request?.accountId ?? null, request?.requestId ?? null];
  let changed = (await db.query(repairPaced, values)).rowCount ?? 0;
  const { rows } = await db.query<CancelledRow>(cancel, [...values, cancelReason]);
  await writeOutcomes(db, outcomeTopic, rows.map(cancelled));
  changed += rows.length;
  for (const statement of [...repairs, move]) changed += (await db.query(statement, values)).rowCount ?? 0;
  return changed;
};

/**
 * Carries out the orders of the last minute once more: a record that was being stored while its request was ordered about may
 * not have known. Cancellations are told on the `outcomeTopic`. Answers how many rows that changed.
 */
export const repairOrders = (db: Database, outcomeTopic?: string): Promise<number> =>
  repair(db, undefined, outcomeTopic);

/**
 * Forgets orders of so many days ago about requests that are done, or never came; at most `limit` a call. Answers how many.
 */
export const purgeOrders = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from request_orders where (account_id, request_id) in (
       select o.account_id, o.request_id from request_orders o
       where o.updated_at < now() - $1::int * interval '1 day' and not exists (
         select from messages m where m.request_id = o.request_id and m.status in ('queued', 'scheduled', 'sending', 'unknown'))
       limit $2)`,
    [days, limit],
  );
  return rowCount ?? 0;
};

/** What a command finds of a request that is stored; undefined when it is not yet. */
const lookAt = async (db: Database, { accountId, requestId }: RequestName) => {
  const { rows } = await db.query<{ total: number; rows: string; open: string; movable: boolean }>(
    `select r.total, count(m.id) as rows,
            count(m.id) filter (where m.status in ('queued', 'scheduled', 'sending', 'unknown', 'deferred')) as open,
            coalesce(bool_or(${waiting} and ${movable}), false)
              or exists (select from paced_requests p where p.request_id = r.id and coalesce(p.next_at, p.held_at) is not null) as movable
     from requests r left join messages m on m.request_id = r.id
     where r.id = $2 and r.account_id = $1 group by r.id, r.total`,
    [accountId, requestId],
  );
  const [row] = rows;
  return row && { isWhole: Number(row.rows) >= row.total, isOpen: Number(row.open) > 0, isMovable: row.movable };
};

/**
 * Carries out a command about a request of an account, stored or not. What nobody has claimed obeys at once, what is stored
 * later when it is; what is in flight is left. A command that was given before changes nothing. `over`: the request is done
 * (or, to be moved, on its way), and nothing can be ordered any more.
 */
export const orderRequest = (
  pool: Pool,
  request: RequestName,
  command: Command,
  outcomeTopic?: string,
): Promise<'ordered' | 'over'> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<{ is_cancelled: boolean; is_paused: boolean }>(
      `insert into request_orders as o (account_id, request_id) values ($1, $2)
       on conflict (account_id, request_id) do update set updated_at = o.updated_at returning is_cancelled, is_paused`,
      [request.accountId, request.requestId],
    );
    const before = rows[0];
    if (before?.is_cancelled === true) return command === 'cancel' ? 'ordered' : 'over';
    const found = await lookAt(db, request);
    const isDone = found?.isWhole === true && !found.isOpen;
    const isGone = typeof command === 'object' && found?.isWhole === true && !found.isMovable;
    if (isDone || isGone) return 'over';
    await db.query(
      `update request_orders set updated_at = now(), is_cancelled = is_cancelled or $3, is_paused = coalesce($4, is_paused),
              send_at = coalesce($5::timestamptz, send_at)
       where account_id = $1 and request_id = $2`,
      [
        request.accountId,
        request.requestId,
        command === 'cancel',
        command === 'pause' ? true : command === 'resume' ? false : null,
        typeof command === 'object' ? command.sendAt : null,
      ],
    );
    if (typeof command === 'object') {
      await db.query(
        `update paced_requests set next_at = case when next_at is not null then $3::timestamptz end,
                held_at = case when held_at is not null then $3::timestamptz end
         where account_id = $1 and request_id = $2`,
        [request.accountId, request.requestId, command.sendAt],
      );
    }
    await repair(db, request, outcomeTopic);
    return 'ordered';
  });

/** Holds locked messages of a paused request: they keep their time for later. */
export const holdDue = async (db: Database, ids: readonly string[]): Promise<void> => {
  if (ids.length === 0) return;
  await db.query(
    `update messages set held_due_at = due_at, due_at = null, lease_until = null, updated_at = now() where id = any($1::uuid[])`,
    [ids],
  );
};
