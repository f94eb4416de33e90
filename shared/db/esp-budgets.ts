import { InfrastructureError } from '../errors.ts';
import type { Database } from './connect.ts';

export const budgetPeriods = ['second', 'day', 'month'] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];

/** What a process asks of an ESP's budgets. */
export interface BudgetAsk {
  readonly esp: string;
  /** Messages wanted; 0 only gives back. */
  readonly want: number;
  /**
   * Messages leased before and not sent; negative for those sent without a lease. It counts for the day and the month
   * alone: tokens of a second that came back would make another burst.
   */
  readonly giveBack: number;
  /** `at` of the lease that they are of. */
  readonly leasedAt: string | undefined;
}

export interface BudgetLease {
  readonly granted: number;
  /** Postgres's time. */
  readonly at: string;
  /** A limit that has no whole message left after this, and for how long; of several the one that lasts longest. */
  readonly held: { readonly by: BudgetPeriod; readonly forMs: number } | undefined;
}

interface LeaseRow {
  granted: number;
  at: string;
  is_complete: boolean;
  held_by: BudgetPeriod | null;
  held_ms: number;
}

// The rows are locked before they are read, so that leasers follow one another and each sees what the one before left;
// what a lock waited for may be younger than now(), and then counts as of now. A bucket's `spent` leaks away with time.
const leaseStatement = `with limits as materialized (
    select p.period, p.most, p.begins from esp_controls c cross join lateral (values
      ('second', c.per_second::float8, now()),
      ('day', c.per_day::float8, date_trunc('day', now(), 'UTC')),
      ('month', c.per_month::float8, date_trunc('month', now(), 'UTC'))) as p(period, most, begins)
    where c.esp = $1 and p.most is not null
  ), made as (
    insert into esp_budgets (esp, period, since, spent)
    select $1, l.period, l.begins, coalesce((select sum(s.sent) from esp_statistics s
                                             where s.esp = $1 and l.period <> 'second' and s.minute >= l.begins), 0)
    from limits l where not exists (select from esp_budgets b where b.esp = $1 and b.period = l.period)
    order by l.period on conflict (esp, period) do nothing
  ), locked as materialized (
    select b.period, b.since, b.spent from esp_budgets b
    where b.esp = $1 and b.period in (select period from limits) order by b.period for update
  ), standing as materialized (
    select l.period, l.most, greatest(b.since, l.begins) as since,
           greatest(0, case
             when l.period = 'second' then b.spent - l.most * greatest(0, extract(epoch from l.begins - b.since)::float8)
             when b.since < l.begins then 0
             when date_trunc(l.period, $4::timestamptz, 'UTC') >= b.since then b.spent - $3::float8
             else b.spent end) as spent
    from limits l join locked b using (period)
  ), lease as materialized (
    select greatest(0, floor(least($2::float8, coalesce(min(most - spent), $2::float8)) + 1e-6)) as granted,
           count(*) = (select count(*) from limits) as is_complete
    from standing
  ), moved as (
    update esp_budgets b set since = s.since, spent = s.spent + l.granted
    from standing s cross join lease l where b.esp = $1 and b.period = s.period and l.is_complete
  )
  select l.granted, now()::text as at, l.is_complete, h.period as held_by, coalesce(h.held_ms, 0) as held_ms
  from lease l left join lateral (
    select s.period, case s.period
        when 'second' then (1 - (s.most - s.spent - l.granted)) / s.most * 1000
        else extract(epoch from (s.since at time zone 'UTC' + ('1 ' || s.period)::interval) at time zone 'UTC' - now()) * 1000
        end::float8 as held_ms
    from standing s where s.most - s.spent - l.granted < 1 order by 2 desc limit 1
  ) h on true`;

/**
 * Leases up to `want` messages of an ESP's budgets for one process, by Postgres's time, and never more than any of them
 * has left: a second's is a bucket of tokens that holds one second's worth, those of the day and the month (UTC) count up.
 * Without limits all is granted. One statement; the first of an ESP's budget takes two, as it counts what was sent before.
 */
export const leaseBudget = async (db: Database, ask: BudgetAsk): Promise<BudgetLease> => {
  // A budget's first row is not seen by the statement that makes it; one that is removed meanwhile is made again.
  for (let tries = 0; tries < 3; tries += 1) {
    const { rows } = await db.query<LeaseRow>(leaseStatement, [ask.esp, ask.want, ask.giveBack, ask.leasedAt ?? null]);
    const [row] = rows;
    if (row?.is_complete !== true) continue;
    return {
      granted: row.granted,
      at: row.at,
      held: row.held_by === null ? undefined : { by: row.held_by, forMs: Math.max(1, Math.ceil(row.held_ms)) },
    };
  }
  throw new InfrastructureError('budget-unreadable', "An ESP's budget could not be read.");
};
