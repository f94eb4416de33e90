// Schedules and subscriptions: when something is sent again, and that each time it is once.
import type { EmailRequest } from '../contracts/email.ts';
import { nextRun } from '../domain/next-run.ts';
import type { Database, Pool } from './connect.ts';

/** What a schedule sends: without texts where named content is read when it is due. */
export type ScheduledEmail = EmailRequest;

export interface Schedule {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  readonly email: ScheduledEmail;
  readonly contentType: string | null;
  /** Whose subscription it is; null for schedules of /v1. */
  readonly subscriber: string | null;
  /** Null while it is paused, and when it is never due again. */
  readonly nextAt: Date | null;
  readonly isPaused: boolean;
  readonly createdAt: Date;
}

interface ScheduleRow {
  id: string;
  account_id: string;
  name: string;
  cron: string;
  zone: string;
  email: ScheduledEmail;
  content_type: string | null;
  subscriber: string | null;
  next_at: Date | null;
  is_paused: boolean;
  created_at: Date;
}

const columns = 'id, account_id, name, cron, zone, email, content_type, subscriber, next_at, is_paused, created_at';
const fromRow = (row: ScheduleRow): Schedule => ({
  id: row.id,
  accountId: row.account_id,
  name: row.name,
  cron: row.cron,
  zone: row.zone,
  email: row.email,
  contentType: row.content_type,
  subscriber: row.subscriber,
  nextAt: row.next_at,
  isPaused: row.is_paused,
  createdAt: row.created_at,
});

/** Postgres's clock, by which everything is due. */
export const postgresNow = async (db: Database): Promise<Date> => {
  const { rows } = await db.query<{ now: Date }>('select now() as now');
  return rows[0]?.now ?? new Date(NaN);
};

export type NewSchedule = Pick<Schedule, 'id' | 'accountId' | 'name' | 'cron' | 'zone' | 'email' | 'contentType'>;

/** Stores a schedule whose times were checked. */
export const insertSchedule = async (db: Database, schedule: NewSchedule): Promise<Schedule> => {
  const nextAt = nextRun(schedule.cron, schedule.zone, await postgresNow(db)) ?? null;
  const { rows } = await db.query<ScheduleRow>(
    `insert into schedules (id, account_id, name, cron, zone, email, content_type, next_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${columns}`,
    [
      schedule.id,
      schedule.accountId,
      schedule.name,
      schedule.cron,
      schedule.zone,
      JSON.stringify(schedule.email),
      schedule.contentType,
      nextAt,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError('an insert answered no row');
  return fromRow(row);
};

/** An account's schedules and subscriptions by id, after the one given; one more than `limit` when there are more. */
export const listSchedules = async (
  db: Database,
  accountId: string,
  filter: { readonly after: string; readonly subscriber: string | undefined; readonly limit: number },
): Promise<Schedule[]> => {
  const { rows } = await db.query<ScheduleRow>(
    `select ${columns} from schedules where account_id = $1 and id > $2 and ($3::text is null or subscriber = $3)
     order by id limit $4`,
    [accountId, filter.after, filter.subscriber ?? null, filter.limit + 1],
  );
  return rows.map(fromRow);
};

export const loadSchedule = async (db: Database, accountId: string, id: string): Promise<Schedule | undefined> => {
  const { rows } = await db.query<ScheduleRow>(`select ${columns} from schedules where id = $1 and account_id = $2`, [
    id,
    accountId,
  ]);
  return rows[0] && fromRow(rows[0]);
};

export interface ScheduleChange {
  readonly name?: string | undefined;
  readonly cron?: string | undefined;
  readonly zone?: string | undefined;
  readonly email?: ScheduledEmail | undefined;
  readonly contentType?: string | null | undefined;
  readonly isPaused?: boolean | undefined;
}

/** Changes what is named; its next time follows from what it is then, counted from now. Undefined when there is none. */
export const changeSchedule = (
  pool: Pool,
  accountId: string,
  id: string,
  change: ScheduleChange,
): Promise<Schedule | undefined> =>
  pool.transaction(async (db) => {
    const found = await db.query<ScheduleRow & { now: Date }>(
      `select ${columns}, now() as now from schedules where id = $1 and account_id = $2 for update`,
      [id, accountId],
    );
    const [row] = found.rows;
    if (row === undefined) return undefined;
    const cron = change.cron ?? row.cron;
    const zone = change.zone ?? row.zone;
    const isPaused = change.isPaused ?? row.is_paused;
    const isSame = cron === row.cron && zone === row.zone && isPaused === row.is_paused;
    const nextAt = isPaused ? null : isSame ? row.next_at : (nextRun(cron, zone, row.now) ?? null);
    const { rows } = await db.query<ScheduleRow>(
      `update schedules set name = coalesce($3, name), cron = $4, zone = $5, is_paused = $6, next_at = $7,
              email = coalesce($8::jsonb, email), content_type = case when $9 then $10 else content_type end, updated_at = now()
       where id = $1 and account_id = $2 returning ${columns}`,
      [
        ...[id, accountId, change.name ?? null, cron, zone, isPaused, nextAt],
        change.email === undefined ? null : JSON.stringify(change.email),
        change.contentType !== undefined,
        change.contentType ?? null,
      ],
    );
    return rows[0] && fromRow(rows[0]);
  });

/** False when the account has no such schedule. What it has sent stays. */
export const deleteSchedule = async (db: Database, accountId: string, id: string): Promise<boolean> => {
  const { rowCount } = await db.query('delete from schedules where id = $1 and account_id = $2', [id, accountId]);
  return rowCount === 1;
};

/**
 * Subscribes somebody to named content. Whoever is subscribed already stays so, with another frequency if need be: there is
 * one row a subscriber and content.
 */
export const subscribe = async (
  db: Database,
  subscription: NewSchedule & { readonly subscriber: string; readonly contentType: string },
): Promise<void> => {
  const nextAt = nextRun(subscription.cron, subscription.zone, await postgresNow(db)) ?? null;
  await db.query(
    `insert into schedules as s (id, account_id, name, cron, zone, email, content_type, subscriber, next_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (account_id, subscriber, content_type) where subscriber is not null do update set
       next_at = case when s.is_paused then null when s.cron = excluded.cron then s.next_at else excluded.next_at end,
       cron = excluded.cron, email = excluded.email, updated_at = now()`,
    [
      subscription.id,
      subscription.accountId,
      subscription.name,
      subscription.cron,
      subscription.zone,
      JSON.stringify(subscription.email),
      subscription.contentType,
      subscription.subscriber,
      nextAt,
    ],
  );
};

/** Ends a subscription; one that is not there is over already. */
export const unsubscribe = async (
  db: Database,
  accountId: string,
  subscriber: string,
  contentType: string,
): Promise<void> => {
  await db.query('delete from schedules where account_id = $1 and subscriber = $2 and content_type = $3', [
    accountId,
    subscriber,
    contentType,
  ]);
};

export interface ScheduleRun {
  readonly dueAt: Date;
  readonly firedAt: Date;
  readonly requestId: string | null;
  readonly reason: string | null;
}

/** The latest firings, newest first. */
export const loadRuns = async (db: Database, scheduleId: string, limit: number): Promise<readonly ScheduleRun[]> => {
  const { rows } = await db.query<{ due_at: Date; fired_at: Date; request_id: string | null; reason: string | null }>(
    'select due_at, fired_at, request_id, reason from schedule_runs where schedule_id = $1 order by due_at desc limit $2',
    [scheduleId, limit],
  );
  return rows.map((row) => ({
    dueAt: row.due_at,
    firedAt: row.fired_at,
    requestId: row.request_id,
    reason: row.reason,
  }));
};

/** What a firing comes to: the request that is sent, or why none is. */
export type Firing = { readonly requestId: string } | { readonly reason: string };

/**
 * Fires one schedule that is due: its run, and what `fire` writes, in one transaction. However many periods were missed it
 * is one run, for the first of them, and the next is the first after now. Undefined when nothing is due.
 */
export const fireNext = (
  pool: Pool,
  fire: (db: Database, schedule: Schedule, dueAt: Date) => Promise<Firing>,
): Promise<Schedule | undefined> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<ScheduleRow & { now: Date; is_closed: boolean }>(
      `select ${columns}, now() as now, exists (
                select from accounts a where a.id = s.account_id and a.closed_at is not null) as is_closed
       from schedules s where next_at <= now() order by next_at limit 1 for update skip locked`,
    );
    const [row] = rows;
    if (row?.next_at == null) return undefined;
    const schedule = fromRow(row);
    const inserted = row.is_closed
      ? undefined
      : await db.query(
          'insert into schedule_runs (schedule_id, due_at) values ($1, $2) on conflict do nothing returning due_at',
          [row.id, row.next_at],
        );
    if (inserted?.rowCount === 1) {
      const fired = await fire(db, schedule, row.next_at);
      await db.query('update schedule_runs set request_id = $3, reason = $4 where schedule_id = $1 and due_at = $2', [
        row.id,
        row.next_at,
        'requestId' in fired ? fired.requestId : null,
        'reason' in fired ? fired.reason : null,
      ]);
    }
    const nextAt = row.is_closed ? null : (nextRun(row.cron, row.zone, row.now) ?? null);
    await db.query('update schedules set next_at = $2 where id = $1', [row.id, nextAt]);
    return schedule;
  });

/** Forgets firings of long ago; at most `limit` a call. Answers how many. */
export const purgeRuns = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from schedule_runs where (schedule_id, due_at) in (
       select schedule_id, due_at from schedule_runs where fired_at < now() - $1::int * interval '1 day' limit $2)`,
    [days, limit],
  );
  return rowCount ?? 0;
};
