import type { Database } from './connect.ts';

/**
 * Makes the daily partitions of `events` from `daysBack` days ago (yesterday) to `daysAhead` days from now (UTC, by
 * Postgres's clock). A day that already has rows in the default partition stays there. Safe to run from several processes.
 */
export const ensureEventPartitions = async (db: Database, daysAhead: number, daysBack = 1): Promise<void> => {
  await db.query(
    `do $$
     declare d date; p text;
     begin
       perform pg_advisory_xact_lock(hashtext('mailfleet event partitions'));
       for d in select generate_series((now() at time zone 'utc')::date - ${Math.trunc(daysBack)}, (now() at time zone 'utc')::date + ${Math.trunc(daysAhead)}, '1 day')::date loop
         p := 'events_' || to_char(d, 'YYYYMMDD');
         if to_regclass(p) is null and not exists (select from events_default where event_day = d) then
           execute format('create table %I partition of events for values from (%L) to (%L)', p, d, d + 1);
         end if;
       end loop;
     end $$`,
  );
};
