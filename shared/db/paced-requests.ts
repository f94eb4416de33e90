// Requests that go out in batches. A recipient's batch follows from its position; its message waits without an ESP until the
// batch is started, which decides its weights and gives all of them their ESPs and their time in one transaction.
import type { Database, Pool } from './connect.ts';

export interface NewPaced {
  readonly id: string;
  readonly accountId: string;
  readonly total: number;
  /** Recipients a batch. */
  readonly size: number;
  readonly intervalSeconds: number;
  /** ISO 8601; null: the first batch starts at once. */
  readonly sendAt: string | null;
  readonly state: 'waiting' | 'paused' | 'over';
}

/** Stores the pace of requests, in the transaction that stores them. */
export const insertPaced = async (db: Database, requests: readonly NewPaced[]): Promise<void> => {
  if (requests.length === 0) return;
  await db.query(
    `insert into paced_requests (request_id, account_id, size, interval_seconds, total, next_at, held_at)
     select id, account_id, size, interval_seconds, total,
            case when state = 'waiting' then greatest(send_at, now()) end, case when state = 'paused' then greatest(send_at, now()) end
     from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::timestamptz[], $7::text[])
       as p(id, account_id, size, interval_seconds, total, send_at, state)
     on conflict (request_id) do nothing`,
    [
      requests.map(({ id }) => id),
      requests.map(({ accountId }) => accountId),
      requests.map(({ size }) => size),
      requests.map(({ intervalSeconds }) => intervalSeconds),
      requests.map(({ total }) => total),
      requests.map(({ sendAt }) => sendAt),
      requests.map(({ state }) => state),
    ],
  );
};

/** A batch whose turn it is. */
export interface DueBatch {
  readonly requestId: string;
  readonly accountId: string;
  /** From 1. */
  readonly number: number;
  /** Its recipients' positions: from the first up to, not including, the last. */
  readonly first: number;
  readonly end: number;
  readonly isLast: boolean;
  readonly batchId: string;
  readonly esps: readonly string[] | null;
}

/** A recipient of a batch, in the order of positions. */
export interface BatchRecipient {
  readonly id: string;
  readonly mailboxProvider: string;
}

export interface BatchDecision {
  readonly decisionId: number;
  readonly window: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly split: Readonly<Record<string, number>>;
  /** Of each recipient, in order. */
  readonly esps: readonly string[];
}

const recheckAfter = `interval '1 s'`;

const lockNext = async (db: Database): Promise<DueBatch | undefined> => {
  const { rows } = await db.query<{
    request_id: string;
    account_id: string;
    size: number;
    total: number;
    next_number: number;
    batch_id: string | null;
    esps: string[] | null;
  }>(
    `select p.request_id, p.account_id, p.size, p.total, p.next_number, r.batch_id, r.esps
     from paced_requests p join requests r on r.id = p.request_id
     where p.next_at <= now() order by p.next_at limit 1 for update of p skip locked`,
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const first = (row.next_number - 1) * row.size;
  const end = Math.min(row.total, first + row.size);
  return {
    requestId: row.request_id,
    accountId: row.account_id,
    number: row.next_number,
    first,
    end,
    isLast: end >= row.total,
    batchId: row.batch_id ?? '',
    esps: row.esps,
  };
};

const recipientsOf = async (db: Database, { requestId, first, end }: DueBatch): Promise<readonly BatchRecipient[]> => {
  const { rows } = await db.query<{ id: string; mailbox_provider: string }>(
    `select id, mailbox_provider from messages where request_id = $1 and position >= $2 and position < $3 order by position`,
    [requestId, first, end],
  );
  return rows.map((row) => ({ id: row.id, mailboxProvider: row.mailbox_provider }));
};

/**
 * Starts one batch whose turn it is: `decide` says by which weights and through whom it goes. Everything in one transaction,
 * so that it is started once, whoever dies. A batch of which a record is still on its way is looked at again a second
 * later. Answers false when no batch is due.
 */
export const startNextBatch = (
  pool: Pool,
  decide: (db: Database, batch: DueBatch, recipients: readonly BatchRecipient[]) => Promise<BatchDecision>,
): Promise<boolean> =>
  pool.transaction(async (db) => {
    const batch = await lockNext(db);
    if (batch === undefined) return false;
    const { requestId, number, isLast } = batch;
    const recipients = await recipientsOf(db, batch);
    if (recipients.length < batch.end - batch.first) {
      await db.query(`update paced_requests set next_at = now() + ${recheckAfter} where request_id = $1`, [requestId]);
      return true;
    }
    const decided = await decide(db, batch, recipients);
    const ids = recipients.map((recipient, index) => ({ id: recipient.id, esp: decided.esps[index] ?? '' }));
    await db.query(
      `with free as (
         select m.id, b.esp from messages m join unnest($1::uuid[], $2::text[]) as b(id, esp) using (id)
         where m.status = 'scheduled' and m.esp = '' order by m.id for update of m
       )
       update messages m set esp = free.esp, due_at = now(), updated_at = now() from free where m.id = free.id`,
      [ids.map(({ id }) => id), ids.map(({ esp }) => esp)],
    );
    await db.query(
      `insert into request_batches (request_id, number, "window", weights, split) values ($1, $2, $3, $4, $5)`,
      [requestId, number, decided.window, JSON.stringify(decided.weights), JSON.stringify(decided.split)],
    );
    await db.query(
      `update requests r set decision_id = $2, weights = $3,
              split = (select jsonb_object_agg(esp, n) from (
                select key as esp, sum(value::int) as n from request_batches b, jsonb_each_text(b.split) where b.request_id = $1 group by key) s)
       where id = $1`,
      [requestId, decided.decisionId, JSON.stringify(decided.weights)],
    );
    await db.query(
      `update paced_requests set next_number = next_number + 1,
              next_at = case when $2 then null else now() + interval_seconds * interval '1 s' end where request_id = $1`,
      [requestId, isLast],
    );
    return true;
  });

/** A batch that was started, as its owner sees it. */
export interface StartedBatch {
  readonly number: number;
  readonly at: Date;
  readonly window: '30d' | 'since-last-batch';
  readonly weights: Readonly<Record<string, number>>;
  readonly split: Readonly<Record<string, number>>;
}

/** The batches of a request that were started, in order. */
export const loadBatches = async (db: Database, requestId: string): Promise<readonly StartedBatch[]> => {
  const { rows } = await db.query<{
    number: number;
    at: Date;
    window: StartedBatch['window'];
    weights: Record<string, number>;
    split: Record<string, number>;
  }>(`select number, at, "window", weights, split from request_batches where request_id = $1 order by number`, [
    requestId,
  ]);
  return rows;
};
