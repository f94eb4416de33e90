import { randomUUID } from 'node:crypto';
import type { CallState, TryOfCall } from '../contracts/webhooks-api.ts';
import type { Database } from './connect.ts';

/** What a call tells, without the recipient's address: that is read from the message when the call is made. */
export interface CallEvent {
  readonly id: string;
  /** The message's UUID; none in a test. */
  readonly messageId?: string | undefined;
  readonly status: string;
  readonly esp: string;
  readonly at: string;
  readonly reason: string | null;
}

export interface NewCall {
  readonly id: string;
  readonly endpointId: string;
  readonly accountId: string;
  readonly webhookId: string;
  /** What its body says it is: `message.delivered`, `outcomes`, `test`. */
  readonly type: string;
  readonly events: readonly CallEvent[];
}

/** Stores calls that are to be made at once; those that are there already stay as they are. One statement. */
export const addCalls = async (db: Database, calls: readonly NewCall[]): Promise<void> => {
  if (calls.length === 0) return;
  await db.query(
    `insert into webhook_calls (id, endpoint_id, account_id, webhook_id, type, events)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
     on conflict (id) do nothing`,
    [
      calls.map(({ id }) => id),
      calls.map(({ endpointId }) => endpointId),
      calls.map(({ accountId }) => accountId),
      calls.map(({ webhookId }) => webhookId),
      calls.map(({ type }) => type),
      calls.map(({ events }) => JSON.stringify(events)),
    ],
  );
};

/** A call that is ours to make now. */
export interface TakenCall {
  readonly id: string;
  readonly token: string;
  readonly endpointId: string;
  readonly url: string;
  /** Sealed; the second one is that of before a rotation, while it is valid. */
  readonly secrets: readonly string[];
  readonly webhookId: string;
  readonly type: string;
  readonly events: readonly CallEvent[];
  /** Since it was made or last replayed. */
  readonly tries: number;
  readonly createdAt: Date;
}

/**
 * Takes calls whose time has come, oldest first, at most `perEndpoint` of one endpoint less those that this process is
 * making already, and keeps others from taking them for a minute: longer than a call may take.
 */
export const takeCalls = async (
  db: Database,
  limits: { readonly perEndpoint: number; readonly inAll: number },
  underWay: ReadonlyMap<string, number>,
): Promise<TakenCall[]> => {
  const token = randomUUID();
  const { rows } = await db.query<{
    id: string;
    endpoint_id: string;
    url: string;
    secret: string;
    old_secret: string | null;
    webhook_id: string;
    type: string;
    events: CallEvent[];
    tries: number;
    created_at: Date;
  }>(
    `with open as (
       select e.id, $1::int - coalesce(b.n, 0) as room from webhook_endpoints e
       left join unnest($2::text[], $3::int[]) as b(id, n) using (id)
       where e.enabled and $1::int > coalesce(b.n, 0)
         and exists (select from webhook_calls c where c.endpoint_id = e.id and c.state = 'due' and c.due_at <= now())
       order by random()
     ), picked as (
       select c.id from open o cross join lateral (
         select id from webhook_calls where endpoint_id = o.id and state = 'due' and due_at <= now()
         order by due_at limit o.room for update skip locked
       ) c limit $4
     )
     update webhook_calls c set lease_token = $5::uuid, due_at = now() + interval '1 minute'
     from picked p, webhook_endpoints e where c.id = p.id and e.id = c.endpoint_id
     returning c.id, c.endpoint_id, e.url, e.secret, case when e.old_secret_until > now() then e.old_secret end as old_secret,
               c.webhook_id, c.type, c.events, c.tries, c.created_at`,
    [limits.perEndpoint, [...underWay.keys()], [...underWay.values()], limits.inAll, token],
  );
  return rows.map((row) => ({
    id: row.id,
    token,
    endpointId: row.endpoint_id,
    url: row.url,
    secrets: row.old_secret === null ? [row.secret] : [row.secret, row.old_secret],
    webhookId: row.webhook_id,
    type: row.type,
    events: row.events,
    tries: row.tries,
    createdAt: row.created_at,
  }));
};

/** Whom the messages of calls went to, by their UUIDs. */
export const loadTold = async (
  db: Database,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly requestId: string; readonly email: string }>> => {
  if (messageIds.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; request_id: string; email: string }>(
    'select id, request_id, email from messages where id = any($1::uuid[])',
    [messageIds],
  );
  return new Map(rows.map((row) => [row.id, { requestId: row.request_id, email: row.email }]));
};

/** How a try ended. */
export interface EndedCall {
  readonly id: string;
  readonly token: string;
  readonly state: CallState;
  /** Until the next try, in ms; 0 where there is none. */
  readonly waitMs: number;
  readonly attempt: TryOfCall;
}

/** Writes how tries ended; those that another process has taken meanwhile are left alone. One statement. */
export const finishCalls = async (db: Database, ended: readonly EndedCall[]): Promise<void> => {
  if (ended.length === 0) return;
  await db.query(
    `update webhook_calls c set state = f.state, tries = c.tries + 1, attempts = c.attempts || f.attempt, lease_token = null,
            due_at = now() + f.wait_ms * interval '1 ms'
     from unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::jsonb[]) as f(id, token, state, wait_ms, attempt)
     where c.id = f.id and c.lease_token = f.token`,
    [
      ended.map(({ id }) => id),
      ended.map(({ token }) => token),
      ended.map(({ state }) => state),
      ended.map(({ waitMs }) => waitMs),
      ended.map(({ attempt }) => JSON.stringify([attempt])),
    ],
  );
};

/** A call as its log shows it. */
export interface StoredCall {
  readonly id: string;
  readonly webhookId: string;
  readonly type: string;
  readonly events: readonly CallEvent[];
  readonly state: CallState;
  readonly attempts: readonly TryOfCall[];
  readonly dueAt: Date;
  readonly createdAt: Date;
}

/** An endpoint's calls before the call `after`, newest first; one more than `limit`, where there are more. */
export const listCalls = async (
  db: Database,
  endpointId: string,
  filter: { readonly state?: CallState | undefined; readonly after?: string | undefined; readonly limit: number },
): Promise<StoredCall[]> => {
  const { rows } = await db.query<{
    id: string;
    webhook_id: string;
    type: string;
    events: CallEvent[];
    state: CallState;
    attempts: TryOfCall[];
    due_at: Date;
    created_at: Date;
  }>(
    `select id, webhook_id, type, events, state, attempts, due_at, created_at from webhook_calls
     where endpoint_id = $1 and ($2::text is null or state = $2)
       and ($3::text is null or (created_at, id) < (select created_at, id from webhook_calls where id = $3 and endpoint_id = $1))
     order by created_at desc, id desc limit $4`,
    [endpointId, filter.state ?? null, filter.after ?? null, filter.limit + 1],
  );
  return rows.map((row) => ({
    id: row.id,
    webhookId: row.webhook_id,
    type: row.type,
    events: row.events,
    state: row.state,
    attempts: row.attempts,
    dueAt: row.due_at,
    createdAt: row.created_at,
  }));
};

const again = `update webhook_calls set state = 'due', tries = 0, due_at = now(), lease_token = null`;

/** Makes one call once more, however it ended; answers whether there is such a call. */
export const replayCall = async (db: Database, endpointId: string, id: string): Promise<boolean> => {
  const { rowCount } = await db.query(`${again} where endpoint_id = $1 and id = $2`, [endpointId, id]);
  return (rowCount ?? 0) > 0;
};

/** Makes all calls once more that have failed and were first due since then; answers how many. */
export const replayFailed = async (db: Database, endpointId: string, since: string): Promise<number> => {
  const { rowCount } = await db.query(
    `${again} where endpoint_id = $1 and state = 'failed' and created_at >= $2::timestamptz`,
    [endpointId, since],
  );
  return rowCount ?? 0;
};

/** Forgets old calls: delivered ones after `deliveredDays`, all others after `otherDays`. Answers how many; at most `limit`. */
export const purgeWebhookCalls = async (
  db: Database,
  days: { readonly delivered: number; readonly other: number },
  limit: number,
): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from webhook_calls where id in (
       select id from webhook_calls
       where created_at < now() - $1::int * interval '1 day'
         and (state = 'delivered' or created_at < now() - $2::int * interval '1 day')
       limit $3)`,
    [days.delivered, days.other, limit],
  );
  return rowCount ?? 0;
};
