import { describe, expect, it } from '@jest/globals';
import { is, SQL } from 'drizzle-orm';
import { getTableConfig, IndexedColumn, PgDialect, PgTable } from 'drizzle-orm/pg-core';
import { ensureEventPartitions } from '../../../shared/db/event-partitions.ts';
import * as accounts from '../../../shared/db/schema/accounts.ts';
import * as codes from '../../../shared/db/schema/codes.ts';
import * as consent from '../../../shared/db/schema/consent.ts';
import * as mail from '../../../shared/db/schema/mail.ts';
import * as routing from '../../../shared/db/schema/routing.ts';
import * as runtime from '../../../shared/db/schema/runtime.ts';
import * as schedules from '../../../shared/db/schema/schedules.ts';
import * as senders from '../../../shared/db/schema/senders.ts';
import * as webhooks from '../../../shared/db/schema/webhooks.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const dialect = new PgDialect();
const tables = [accounts, codes, consent, mail, routing, runtime, schedules, senders, webhooks]
  .flatMap((file): unknown[] => Object.values(file))
  .filter((value): value is PgTable => is(value, PgTable))
  .map((table) => getTableConfig(table));
const byName = <T extends { readonly name: string }>(rows: readonly T[]): T[] =>
  [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));

describe('The schema in the sources is that of the migrated database', () => {
  it('in its tables', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select relname as name from pg_class c where relkind in ('r', 'p') and not relispartition
         and relnamespace = 'public'::regnamespace and relname <> 'mailfleet_migrations'`,
    );
    expect(rows.map((row) => row.name).sort()).toEqual(tables.map((table) => table.name).sort());
  });

  it.each(tables.map((table) => [table.name, table] as const))('in the columns of %s', async (name, table) => {
    const { rows } = await database.pool.query<{ name: string; type: string; not_null: boolean; has_default: boolean }>(
      `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as not_null, atthasdef as has_default
       from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
      [name],
    );
    const declared = table.columns.map((column) => ({
      name: column.name,
      type: column.getSQLType().replace('bigserial', 'bigint'),
      // A key's column is never null, whether or not it says so.
      not_null: column.notNull || column.primary,
      has_default: column.hasDefault,
    }));
    expect(byName(rows)).toEqual(byName(declared));
  });

  it.each(tables.map((table) => [table.name, table] as const))('in the keys and indexes of %s', async (name, table) => {
    const { rows } = await database.pool.query<{
      name: string;
      columns: string[];
      is_unique: boolean;
      is_primary: boolean;
      is_partial: boolean;
    }>(
      `select c.relname as name, i.indisunique as is_unique, i.indisprimary as is_primary, i.indpred is not null as is_partial,
              (select array_agg(replace(pg_get_indexdef(i.indexrelid, n, false), '"', '') order by n)
               from generate_series(1, i.indnkeyatts) n) as columns
       from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)`,
      [name],
    );
    const primary = rows.filter((row) => row.is_primary).map((row) => row.columns);
    const declaredPrimary = [
      ...table.primaryKeys.map((key) => key.columns.map((column) => column.name)),
      ...table.columns.filter((column) => column.primary).map((column) => [column.name]),
    ];
    expect(primary).toEqual(declaredPrimary);
    const declared = table.indexes.map(({ config }) => ({
      name: config.name ?? '',
      columns: config.columns.map((column) =>
        is(column, IndexedColumn)
          ? (column.name ?? '')
          : is(column, SQL)
            ? // pg_get_indexdef tells a column's expression without its collation.
              dialect.sqlToQuery(column).sql.replace(/ collate "C"|"|"?\w+"?\./g, '')
            : '',
      ),
      is_unique: config.unique,
      is_primary: false,
      is_partial: config.where !== undefined,
    }));
    expect(byName(rows.filter((row) => !row.is_primary))).toEqual(byName(declared));
  });
});

describe('The table of events', () => {
  const partitions = async (): Promise<string[]> => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'events'::regclass order by 1`,
    );
    return rows.map((row) => row.name);
  };
  const dayName = (offset: number): string =>
    `events_${new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')}`;

  it('has a partition for yesterday, today and the next week, and one for all other days', async () => {
    expect(await partitions()).toEqual(expect.arrayContaining(['events_default', ...[-1, 0, 1, 7].map(dayName)]));
  });

  it('gets missing partitions from several processes at once, each once', async () => {
    await Promise.all([1, 2, 3, 4].map(() => ensureEventPartitions(database.pool, 10)));
    expect(await partitions()).toEqual(expect.arrayContaining([8, 9, 10].map(dayName)));
  });

  it('leaves a day alone whose events are in the partition for all other days', async () => {
    const day = new Date(Date.now() + 12 * 86_400_000).toISOString().slice(0, 10);
    await database.pool.query(
      `insert into events (esp, event_day, event_hash, type, at, domain) values ('', $1, gen_random_uuid(), 'delivered', now(), 'a.org')`,
      [day],
    );
    await ensureEventPartitions(database.pool, 13);
    expect(await partitions()).not.toContain(dayName(12));
    expect(await partitions()).toContain(dayName(13));
  });
});
