import { delayBucket, type DelayBucket, type OutcomeDelays } from '../domain/outcome-delay.ts';
import type { Database } from './connect.ts';

// What an ESP's delays are judged by: about its last few hundred outcomes, so that a new pace is known after as many.
const rememberedOutcomes = 300;

/** Adds delays (ms, by ESP) of outcomes that have just become known; those before count a little less. Two statements. */
export const addDelays = async (
  db: Database,
  delays: readonly { readonly esp: string; readonly delayMs: number }[],
): Promise<void> => {
  if (delays.length === 0) return;
  const folded = new Map<string, DelayBucket & { readonly esp: string }>();
  for (const { esp, delayMs } of delays) {
    const ms = Math.min(2_000_000_000, Math.max(0, Math.round(delayMs)));
    const bucket = delayBucket(ms);
    const key = `${esp}\n${String(bucket).padStart(3, '0')}`;
    const known = folded.get(key) ?? { esp, bucket, count: 0, minMs: ms, maxMs: ms };
    folded.set(key, {
      ...known,
      count: known.count + 1,
      minMs: Math.min(known.minMs, ms),
      maxMs: Math.max(known.maxMs, ms),
    });
  }
  const counts = new Map<string, number>();
  for (const { esp } of delays) counts.set(esp, (counts.get(esp) ?? 0) + 1);
  // One order for all writers, or two of them could wait for each other.
  await db.query(
    `with told as (select * from unnest($1::text[], $2::float8[]) as t(esp, n)),
          locked as (select esp, bucket from outcome_delays where esp = any($1::text[]) order by esp, bucket for update)
     update outcome_delays d set count = d.count * $3::float8 / ($3::float8 + told.n)
     from locked join told using (esp) where d.esp = locked.esp and d.bucket = locked.bucket`,
    [[...counts.keys()], [...counts.values()], rememberedOutcomes],
  );
  const rows = [...folded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  await db.query(
    `insert into outcome_delays as t (esp, bucket, count, min_ms, max_ms, since)
     select d.*, now() - d.max_ms * interval '1 ms'
     from unnest($1::text[], $2::int[], $3::float8[], $4::int[], $5::int[]) as d(esp, bucket, count, min_ms, max_ms)
     on conflict (esp, bucket) do update set count = t.count + excluded.count, since = least(t.since, excluded.since),
       min_ms = least(t.min_ms, excluded.min_ms), max_ms = greatest(t.max_ms, excluded.max_ms)`,
    [
      rows.map((row) => row.esp),
      rows.map((row) => row.bucket),
      rows.map((row) => row.count),
      rows.map((row) => row.minMs),
      rows.map((row) => row.maxMs),
    ],
  );
};

/** How long outcomes take, by ESP. */
export const loadDelays = async (db: Database): Promise<OutcomeDelays> => {
  const { rows } = await db.query<{
    esp: string;
    bucket: number;
    count: number;
    min_ms: number;
    max_ms: number;
    since: Date;
  }>('select esp, bucket, count, min_ms, max_ms, since from outcome_delays order by esp, bucket');
  const byEsp: Record<string, { sinceMs: number; buckets: DelayBucket[] }> = {};
  for (const { esp, bucket, count, min_ms: minMs, max_ms: maxMs, since } of rows) {
    const known = (byEsp[esp] ??= { sinceMs: Infinity, buckets: [] });
    known.sinceMs = Math.min(known.sinceMs, since.getTime());
    known.buckets.push({ bucket, count, minMs, maxMs });
  }
  return byEsp;
};
