// Tasks, each tried as often as it may be and done once: a row by its id, written in the transaction of what it does.
import type { TaskRecord } from '../contracts/tasks.ts';
import type { Database } from './connect.ts';

export interface TaskTry {
  readonly id: string;
  readonly accountId: string;
  /** From 1. */
  readonly attempt: number;
  readonly record: TaskRecord;
}

/**
 * Takes the tries that nobody has made yet, and answers their ids. A try that is made in the same transaction, and ended with
 * `endTries`, is made once however often its record comes.
 */
export const beginTries = async (db: Database, tries: readonly TaskTry[]): Promise<ReadonlySet<string>> => {
  if (tries.length === 0) return new Set();
  const sorted = [...tries].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { rows } = await db.query<{ id: string }>(
    `insert into tasks as t (id, account_id, state, attempts)
     select id, account_id, 'done', attempt from unnest($1::text[], $2::text[], $3::int[]) as n(id, account_id, attempt)
     on conflict (id) do update set attempts = excluded.attempts, state = 'done', record = null, due_at = null, updated_at = now()
       where t.state = 'waiting' and t.attempts = excluded.attempts - 1
     returning id`,
    [sorted.map(({ id }) => id), sorted.map(({ accountId }) => accountId), sorted.map(({ attempt }) => attempt)],
  );
  return new Set(rows.map(({ id }) => id));
};

/** How a try ended that did not succeed: tried again after a while, or given up. */
export interface FailedTry extends TaskTry {
  /** In ms; undefined when it was the last. */
  readonly retryAfterMs: number | undefined;
}

const shards = 8;

/** Notes how tries ended that were begun in this transaction; those that are not named have succeeded. */
export const endTries = async (db: Database, succeeded: number, failed: readonly FailedTry[]): Promise<void> => {
  const over = failed.filter(({ retryAfterMs }) => retryAfterMs === undefined).length;
  if (failed.length > 0) {
    await db.query(
      `update tasks t set state = case when f.wait_ms is null then 'failed' else 'waiting' end, record = f.record,
              due_at = now() + f.wait_ms * interval '1 ms', updated_at = now()
       from unnest($1::text[], $2::int[], $3::jsonb[]) as f(id, wait_ms, record) where t.id = f.id`,
      [
        failed.map(({ id }) => id),
        failed.map(({ retryAfterMs }) => (retryAfterMs === undefined ? null : Math.round(retryAfterMs))),
        failed.map(({ record, retryAfterMs }) => (retryAfterMs === undefined ? null : JSON.stringify(record))),
      ],
    );
  }
  if (succeeded + over === 0) return;
  await db.query(
    `insert into task_counts as c (shard, executed, successful, failed) values ($1, $2, $3, $4)
     on conflict (shard) do update set executed = c.executed + excluded.executed,
       successful = c.successful + excluded.successful, failed = c.failed + excluded.failed`,
    [Math.floor(Math.random() * shards), succeeded + over, succeeded, over],
  );
};

export interface TaskCounts {
  readonly executed: number;
  readonly successful: number;
  readonly failed: number;
}

/** How many tasks have ended, and how. */
export const countTasks = async (db: Database): Promise<TaskCounts> => {
  const { rows } = await db.query<{ executed: string; successful: string; failed: string }>(
    `select coalesce(sum(executed), 0) as executed, coalesce(sum(successful), 0) as successful, coalesce(sum(failed), 0) as failed
     from task_counts`,
  );
  const [row] = rows;
  return {
    executed: Number(row?.executed ?? 0),
    successful: Number(row?.successful ?? 0),
    failed: Number(row?.failed ?? 0),
  };
};

/** Takes tasks whose next try is due, for publication, and keeps others from taking them for 30 s. */
export const takeDueTasks = async (
  db: Database,
  limit: number,
): Promise<
  readonly { readonly id: string; readonly accountId: string; readonly record: TaskRecord; readonly attempts: number }[]
> => {
  const { rows } = await db.query<{ id: string; account_id: string; record: TaskRecord; attempts: number }>(
    `with due as (
       select id from tasks where state = 'waiting' and due_at <= now() order by due_at limit $1 for update skip locked
     )
     update tasks t set due_at = now() + interval '30 s' from due where t.id = due.id
     returning t.id, t.account_id, t.record, t.attempts`,
    [limit],
  );
  return rows.map(({ account_id: accountId, ...row }) => ({ ...row, accountId }));
};

/** Forgets tasks that ended so many days ago; at most `limit` a call. Answers how many. */
export const purgeTasks = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from tasks where id in (
       select id from tasks where state <> 'waiting' and updated_at < now() - $1::int * interval '1 day' limit $2)`,
    [days, limit],
  );
  return rowCount ?? 0;
};
