import { erasedAddress } from '../domain/erase-from-payload.ts';
import { outcomeRecords, type StateChange } from '../domain/outcome-records.ts';
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

/**
 * Changes of states as a row keeps them: what they have in common once, and the ids of their messages. The addresses are
 * those of `messages`; whole records would be ten times as many bytes, and the writer has them in memory anyway.
 */
interface StoredOutcomes {
  readonly topic: string;
  readonly outcomes: readonly (Omit<StateChange, 'id' | 'email' | 'at'> & {
    readonly at: string;
    readonly ids: readonly string[];
  })[];
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

const storedOutcomes = ({ topic, changes }: ToldChanges): StoredOutcomes => {
  const groups = new Map<string, { common: StateChange; ids: string[] }>();
  for (const change of changes) {
    const { id, requestId, accountId, status, attempt, esp, at, reason } = change;
    const name = JSON.stringify([requestId, accountId, status, attempt, esp, at.getTime(), reason]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { common: change, ids: [id] });
    else group.ids.push(id);
  }
  const outcomes = [...groups.values()].map(({ common, ids }) => {
    const { requestId, accountId, status, attempt, esp, at, reason } = common;
    return { requestId, accountId, status, attempt, esp, reason, at: at.toISOString(), ids };
  });
  return { topic, outcomes };
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

/** Changes of states, and the topic on which they are told. */
export interface ToldChanges {
  readonly topic: string;
  readonly changes: readonly StateChange[];
}

/**
 * Writes records to be published, in the transaction that decided them. The sweeper leaves them alone for `ownMs`: the
 * writer publishes them itself once it has committed, and a writer that dies only delays them. Answers the rows, whose
 * records are those given and those that tell of `told`.
 */
export const writeOutbox = async (
  db: Database,
  records: readonly OutboxRecord[],
  ownMs: number,
  told?: ToldChanges,
): Promise<readonly OutboxRow[]> => {
  const rows = inRows(records).map((row) => ({
    records: row,
    stored: row.map((record): StoredRecord | StoredOutcomes => stored(record)),
  }));
  for (let start = 0; told !== undefined && start < told.changes.length; start += rowRecords) {
    const changes = told.changes.slice(start, start + rowRecords);
    const published = outcomeRecords(told.topic, changes);
    if (published.length === 0) continue;
    const kept = storedOutcomes({ topic: told.topic, changes });
    const last = start === 0 ? rows.at(-1) : undefined;
    if (last === undefined) rows.push({ records: published, stored: [kept] });
    else {
      last.records.push(...published);
      last.stored.push(kept);
    }
  }
  if (rows.length === 0) return [];
  const { rows: inserted } = await db.query<{ id: string }>(
    `insert into outbox (records, due_at)
     select r.records, now() + $2::int * interval '1 ms' from unnest($1::jsonb[]) with ordinality as r(records, n) order by r.n
     returning id`,
    [rows.map((row) => JSON.stringify(row.stored)), ownMs],
  );
  return rows.map((row, index) => ({ id: inserted[index]?.id ?? '', records: row.records }));
};

const addressesOf = async (db: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; email: string }>(
    'select id, email from messages where id = any($1::uuid[])',
    [ids],
  );
  return new Map(rows.map(({ id, email }) => [id, email]));
};

/** Takes rows whose writer did not publish them in time, oldest first, and keeps others from taking them for 30 s. */
export const takeOutbox = async (db: Database, limit: number): Promise<readonly OutboxRow[]> => {
  const { rows } = await db.query<{ id: string; records: (StoredRecord | StoredOutcomes)[] }>(
    `with due as (select id from outbox where due_at <= now() order by id limit $1 for update skip locked)
     update outbox o set due_at = now() + interval '30 s' from due d where o.id = d.id returning o.id, o.records`,
    [limit],
  );
  const emailOf = await addressesOf(
    db,
    rows.flatMap(({ records }) =>
      records.flatMap((record) => ('outcomes' in record ? record.outcomes.flatMap(({ ids }) => ids) : [])),
    ),
  );
  const published = (record: StoredRecord | StoredOutcomes): readonly OutboxRecord[] =>
    'outcomes' in record
      ? outcomeRecords(
          record.topic,
          record.outcomes.flatMap(({ ids, at, ...common }) =>
            ids.map((id) => ({ ...common, id, at: new Date(at), email: emailOf.get(id) ?? erasedAddress })),
          ),
        )
      : [unstored(record)];
  return rows
    .sort((a, b) => Number(a.id) - Number(b.id))
    .map(({ id, records }) => ({ id, records: records.flatMap(published) }));
};

/** Removes rows that were published. */
export const removeOutbox = async (db: Database, rows: readonly OutboxRow[]): Promise<void> => {
  if (rows.length === 0) return;
  await db.query('delete from outbox where id = any($1::bigint[])', [rows.map((row) => row.id)]);
};
