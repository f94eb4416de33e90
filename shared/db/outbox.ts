import type { Database } from './connect.ts';

/** A record that waits for its publication; the same shape as one on its way out. */
export interface OutboxRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Some records that were written together and leave together. */
export interface OutboxRow {
  readonly id: string;
  readonly records: readonly OutboxRecord[];
}

type StoredRecord = Omit<OutboxRecord, 'value'> & ({ readonly text: string } | { readonly base64: string });

// One statement and one produce carry a row; Postgres and Kafka both like them below a few megabytes.
const rowBytes = 1_000_000;
const rowRecords = 500;

// Foreign bytes need not be text that JSON can hold.
const stored = ({ value, ...rest }: OutboxRecord): StoredRecord =>
  typeof value === 'string' ? { ...rest, text: value } : { ...rest, base64: value.toString('base64') };

const unstored = (record: StoredRecord): OutboxRecord => {
  if ('text' in record) {
    const { text, ...rest } = record;
    return { ...rest, value: text };
  }
  const { base64, ...rest } = record;
  return { ...rest, value: Buffer.from(base64, 'base64') };
};

const inRows = (records: readonly OutboxRecord[]): OutboxRecord[][] => {
  const rows: OutboxRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const row = rows.at(-1);
    if (row === undefined || row.length >= rowRecords || bytes + record.value.length > rowBytes) {
      rows.push([record]);
      bytes = record.value.length;
    } else {
      row.push(record);
      bytes += record.value.length;
    }
  }
  return rows;
};

/**
 * Writes records to be published, in the transaction that decided them. The sweeper leaves them alone for `ownMs`: the
 * writer publishes them itself once it has committed, and a writer that dies only delays them. Answers the rows.
 */
export const writeOutbox = async (
  db: Database,
  records: readonly OutboxRecord[],
  ownMs: number,
): Promise<readonly OutboxRow[]> => {
  if (records.length === 0) return [];
  const rows = inRows(records);
  const { rows: inserted } = await db.query<{ id: string }>(
    `insert into outbox (records, due_at)
     select r.records, now() + $2::int * interval '1 ms' from unnest($1::jsonb[]) with ordinality as r(records, n) order by r.n
     returning id`,
    [rows.map((row) => JSON.stringify(row.map(stored))), ownMs],
  );
  return rows.map((row, index) => ({ id: inserted[index]?.id ?? '', records: row }));
};

/** Takes rows whose writer did not publish them in time, oldest first, and keeps others from taking them for 30 s. */
export const takeOutbox = async (db: Database, limit: number): Promise<readonly OutboxRow[]> => {
  const { rows } = await db.query<{ id: string; records: StoredRecord[] }>(
    `with due as (select id from outbox where due_at <= now() order by id limit $1 for update skip locked)
     update outbox o set due_at = now() + interval '30 s' from due d where o.id = d.id returning o.id, o.records`,
    [limit],
  );
  return rows
    .sort((a, b) => Number(a.id) - Number(b.id))
    .map(({ id, records }) => ({ id, records: records.map(unstored) }));
};

/** Removes rows that were published. */
export const removeOutbox = async (db: Database, rows: readonly OutboxRow[]): Promise<void> => {
  if (rows.length === 0) return;
  await db.query('delete from outbox where id = any($1::bigint[])', [rows.map((row) => row.id)]);
};
