import type { Database } from './connect.ts';

/** What a process asks of one bucket. */
export interface RateAsk {
  readonly bucket: string;
  /** Tokens that the bucket holds, and that it gets back in a minute. */
  readonly perMinute: number;
  readonly want: number;
  /** Leased before and not spent. */
  readonly giveBack: number;
}

// The rows are locked in the order of their names before they are read, so that leasers follow one another, each sees what
// the one before left, and none waits for another in a circle. What is spent leaks away with time.
const leaseStatement = `with asked as (
    select * from unnest($1::text[], $2::float8[], $3::float8[], $4::float8[]) as a(bucket, most, want, give_back)
  ), locked as materialized (
    select b.bucket, b.filled_at, b.spent from rate_buckets b where b.bucket = any($1) order by b.bucket for update
  ), standing as materialized (
    select a.bucket, a.most, a.want, greatest(b.filled_at, now()) as filled_at,
           greatest(0, least(b.spent, a.most) - a.give_back
                       - a.most / 60 * greatest(0, extract(epoch from now() - b.filled_at)::float8)) as spent
    from asked a join locked b using (bucket)
  ), lease as materialized (
    select *, greatest(0, floor(least(want, most - spent) + 1e-6)) as granted from standing
  )
  update rate_buckets b set filled_at = l.filled_at, spent = l.spent + l.granted
  from lease l where b.bucket = l.bucket returning b.bucket, l.granted`;

/**
 * Leases tokens of many buckets for one process in one statement, by Postgres's clock; answers what each was granted, in
 * order, never more than the bucket had. A bucket that is new takes two statements more.
 */
export const leaseRates = async (db: Database, asks: readonly RateAsk[]): Promise<readonly number[]> => {
  const lease = async (some: readonly RateAsk[]): Promise<ReadonlyMap<string, number>> => {
    const { rows } = await db.query<{ bucket: string; granted: number }>(leaseStatement, [
      some.map(({ bucket }) => bucket),
      some.map(({ perMinute }) => perMinute),
      some.map(({ want }) => want),
      some.map(({ giveBack }) => giveBack),
    ]);
    return new Map(rows.map(({ bucket, granted }) => [bucket, granted]));
  };
  const granted = await lease(asks);
  const missing = asks.filter(({ bucket }) => !granted.has(bucket));
  if (missing.length === 0) return asks.map(({ bucket }) => granted.get(bucket) ?? 0);
  await db.query(
    `insert into rate_buckets (bucket, filled_at, spent) select b, now(), 0 from unnest($1::text[]) as b order by b
     on conflict (bucket) do nothing`,
    [missing.map(({ bucket }) => bucket)],
  );
  const added = await lease(missing);
  return asks.map(({ bucket }) => granted.get(bucket) ?? added.get(bucket) ?? 0);
};

/** Removes buckets that nobody has asked for ten minutes: they are full again. Answers how many, at most `limit`. */
export const purgeRateBuckets = async (db: Database, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from rate_buckets b using (
       select bucket from rate_buckets where filled_at < now() - interval '10 minutes' limit $1 for update skip locked
     ) old where b.bucket = old.bucket`,
    [limit],
  );
  return rowCount ?? 0;
};
