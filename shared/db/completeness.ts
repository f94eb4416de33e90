import { unevenness, type RequestCount } from '../domain/completeness.ts';
import type { MessageState } from '../domain/message-state.ts';
import type { Database, Pool } from './connect.ts';

interface CountRow {
  id: string;
  created_at: string;
  total: number;
  split: Record<string, number> | null;
  rows: string;
  last_position: number | null;
}

// Parts of a request travel together; what is not stored after this waits behind something, or is gone.
const settledAfter = '10 minutes';

const counted = `select r.id, r.created_at::text as created_at, r.total, r.split, count(m.id) as rows, max(m.position) as last_position
  from asked r left join messages m on m.request_id = r.id group by r.id, r.created_at, r.total, r.split order by r.created_at, r.id`;

const unevenOf = (row: CountRow): { readonly id: string; readonly reason: string } | undefined => {
  const count: RequestCount = {
    total: row.total,
    rows: Number(row.rows),
    lastPosition: row.last_position ?? -1,
    split: row.split,
  };
  const reason = unevenness(count);
  return reason === undefined ? undefined : { id: row.id, reason };
};

/**
 * Counts the rows of the next requests in the order of their storing, each request once in its life, and notes those that
 * do not add up. Answers how many were counted: 0 also while another process is at it.
 */
export const reconcileNext = (pool: Pool, limit: number): Promise<number> =>
  pool.transaction(async (db) => {
    await db.query(
      `insert into reconciler_cursor (name, created_at, request_id) values ('requests', '-infinity', '') on conflict do nothing`,
    );
    const { rows: cursors } = await db.query<{ created_at: string; request_id: string }>(
      `select created_at::text as created_at, request_id from reconciler_cursor where name = 'requests' for update skip locked`,
    );
    const [cursor] = cursors;
    if (cursor === undefined) return 0;
    const { rows } = await db.query<CountRow>(
      `with asked as materialized (
         select id, created_at, total, case when batch_size is null then split end as split from requests
         where body_purged_at is null and (created_at, id) > ($1::timestamptz, $2)
           and created_at < now() - interval '${settledAfter}'
         order by created_at, id limit $3
       ) ${counted}`,
      [cursor.created_at, cursor.request_id, limit],
    );
    const last = rows.at(-1);
    if (last === undefined) return 0;
    const uneven = rows.flatMap((row) => unevenOf(row) ?? []);
    if (uneven.length > 0) {
      await db.query(
        `insert into uneven_requests (request_id, reason) select * from unnest($1::text[], $2::text[])
         on conflict (request_id) do nothing`,
        [uneven.map(({ id }) => id), uneven.map(({ reason }) => reason)],
      );
    }
    await db.query(
      `update reconciler_cursor set created_at = $1::timestamptz, request_id = $2 where name = 'requests'`,
      [last.created_at, last.id],
    );
    return rows.length;
  });

export interface UnevenRequest {
  readonly id: string;
  readonly reason: string;
  readonly noticedAt: Date;
}

/** Counts the noted requests again and forgets those that add up by now (or are gone); answers the rest, at most `limit`. */
export const recheckUneven = async (pool: Pool, limit: number): Promise<readonly UnevenRequest[]> => {
  const { rows } = await pool.query<CountRow & { noticed_at: Date }>(
    `with asked as materialized (
       select r.id, r.created_at, r.total, case when r.batch_size is null then r.split end as split from uneven_requests u join requests r on r.id = u.request_id
       order by u.noticed_at limit $1
     ) select c.*, u.noticed_at from (${counted}) c join uneven_requests u on u.request_id = c.id`,
    [limit],
  );
  const left = rows.flatMap((row) => {
    const uneven = unevenOf(row);
    return uneven === undefined ? [] : [{ ...uneven, noticedAt: row.noticed_at }];
  });
  const even = rows.map((row) => row.id).filter((id) => !left.some((uneven) => uneven.id === id));
  await pool.query(
    `delete from uneven_requests u where request_id = any($1::text[])
       or not exists (select from requests r where r.id = u.request_id)`,
    [even],
  );
  return left;
};

/** What a stretch of time holds: what was accepted, and the rows by ESP and state. */
export interface PeriodCount {
  readonly requests: number;
  readonly accepted: number;
  readonly rows: readonly { readonly esp: string; readonly status: MessageState; readonly count: number }[];
  readonly duplicatesSuspected: number;
  /** Requests with more or fewer rows than recipients, a hundred at most. */
  readonly uneven: readonly { readonly id: string; readonly total: number; readonly rows: number }[];
}

/**
 * Counts requests that were stored at or after `since` and before `until`, and their messages, of one account or all.
 * One statement: what it shows was true at one moment.
 */
export const countPeriod = async (
  db: Database,
  period: { readonly since: Date; readonly until: Date; readonly accountId: string | undefined },
): Promise<PeriodCount> => {
  const { rows } = await db.query<{
    requests: string;
    accepted: string | null;
    duplicates: string;
    rows: { esp: string; status: MessageState; count: number }[] | null;
    uneven: { id: string; total: number; rows: number }[] | null;
  }>(
    `with asked as materialized (
       select id, total from requests
       where created_at >= $1 and created_at < $2 and ($3::text is null or account_id = $3)
     ), counted as materialized (
       select a.id, m.esp, m.status, count(*) as n, count(*) filter (where m.duplicate_suspected) as duplicates
       from asked a join messages m on m.request_id = a.id group by a.id, m.esp, m.status
     ), by_request as (
       select a.id, a.total, coalesce(sum(c.n), 0) as n from asked a left join counted c on c.id = a.id group by a.id, a.total
     )
     select (select count(*) from asked) as requests, (select sum(total) from asked) as accepted,
            (select coalesce(sum(duplicates), 0) from counted) as duplicates,
            (select jsonb_agg(jsonb_build_object('esp', esp, 'status', status, 'count', n))
             from (select esp, status, sum(n) as n from counted group by esp, status) s) as rows,
            (select jsonb_agg(jsonb_build_object('id', id, 'total', total, 'rows', n))
             from (select * from by_request where n <> total order by id limit 100) u) as uneven`,
    [period.since, period.until, period.accountId ?? null],
  );
  const [row] = rows;
  return {
    requests: Number(row?.requests ?? 0),
    accepted: Number(row?.accepted ?? 0),
    duplicatesSuspected: Number(row?.duplicates ?? 0),
    rows: row?.rows ?? [],
    uneven: row?.uneven ?? [],
  };
};
