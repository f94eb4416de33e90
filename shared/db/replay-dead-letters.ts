// What a person does with dead letters: look, send back, discard. Sending back goes through the outbox, in the transaction
// that marks the letter, so that a letter is never marked and forgotten, nor sent back twice by two people.
import { utc } from '../contracts/text.ts';
import { deadLetterHeaders } from '../contracts/topics.ts';
import type { Database, Pool } from './connect.ts';
import { writeOutbox, type OutboxRecord, type OutboxRow } from './outbox.ts';

export const letterStates = ['waiting', 'replayed', 'discarded'] as const;
export type LetterState = (typeof letterStates)[number];

/** Which letters are meant; what is not given does not matter. */
export interface LetterFilter {
  readonly ids?: readonly number[] | undefined;
  readonly topic?: string | undefined;
  readonly code?: string | undefined;
  readonly consumer?: string | undefined;
  readonly state?: LetterState | undefined;
  /** First failed at or after, and before; ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface Letter {
  readonly id: number;
  readonly state: LetterState;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly cluster: string;
  readonly consumer: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly replays: number;
  readonly key: string | null;
  readonly bytes: number;
  readonly firstFailedAt: Date;
  readonly storedAt: Date;
  readonly replayedAt: Date | null;
}

interface LetterRow {
  id: string;
  topic: string;
  partition: number;
  offset: string;
  epoch: string;
  consumer: string;
  code: string;
  reason: string;
  attempts: number;
  replays: number;
  record_key: string | null;
  bytes: number;
  first_failed_at: Date;
  stored_at: Date;
  replayed_at: Date | null;
  discarded_at: Date | null;
}

const columns = `id, topic, partition, "offset", epoch, consumer, code, reason, attempts, replays, record_key,
  octet_length(payload) as bytes, first_failed_at, stored_at, replayed_at, discarded_at`;

// One statement for every filter: a parameter that is null asks nothing.
const matches = `($1::bigint[] is null or id = any($1)) and ($2::text is null or topic = $2) and ($3::text is null or code = $3)
  and ($4::text is null or consumer = $4)
  and ($5::text is null or case $5 when 'discarded' then discarded_at is not null
       when 'replayed' then discarded_at is null and replayed_at is not null
       else discarded_at is null and replayed_at is null end)
  and ($6::timestamptz is null or first_failed_at >= $6) and ($7::timestamptz is null or first_failed_at < $7)`;
const valuesOf = (filter: LetterFilter): unknown[] => [
  filter.ids ?? null,
  filter.topic ?? null,
  filter.code ?? null,
  filter.consumer ?? null,
  filter.state ?? null,
  utc(filter.since) ?? null,
  utc(filter.until) ?? null,
];

const stateOf = (row: Pick<LetterRow, 'discarded_at' | 'replayed_at'>): LetterState =>
  row.discarded_at !== null ? 'discarded' : row.replayed_at !== null ? 'replayed' : 'waiting';

const letterOf = (row: LetterRow): Letter => ({
  id: Number(row.id),
  state: stateOf(row),
  topic: row.topic,
  partition: row.partition,
  offset: row.offset,
  cluster: row.epoch,
  consumer: row.consumer,
  code: row.code,
  reason: row.reason,
  attempts: row.attempts,
  replays: row.replays,
  key: row.record_key,
  bytes: row.bytes,
  firstFailedAt: row.first_failed_at,
  storedAt: row.stored_at,
  replayedAt: row.replayed_at,
});

/** Letters, newest first; at most `limit`, those after the id `after`. */
export const listLetters = async (
  db: Database,
  filter: LetterFilter,
  page: { readonly limit: number; readonly after?: number | undefined },
): Promise<readonly Letter[]> => {
  const { rows } = await db.query<LetterRow>(
    `select ${columns} from dead_letters where ${matches} and ($8::bigint is null or id < $8) order by id desc limit $9`,
    [...valuesOf(filter), page.after ?? null, page.limit],
  );
  return rows.map(letterOf);
};

export interface LetterGroup {
  readonly topic: string;
  readonly code: string;
  readonly count: number;
  readonly oldest: Date;
  readonly newest: Date;
  /** The reason of the newest. */
  readonly example: string;
}

/** Letters by topic and code, the largest group first. */
export const groupLetters = async (db: Database, filter: LetterFilter): Promise<readonly LetterGroup[]> => {
  const { rows } = await db.query<{
    topic: string;
    code: string;
    count: string;
    oldest: Date;
    newest: Date;
    example: string;
  }>(
    `select topic, code, count(*) as count, min(first_failed_at) as oldest, max(first_failed_at) as newest,
            (array_agg(reason order by id desc))[1] as example
     from dead_letters where ${matches} group by topic, code order by count(*) desc, topic, code limit 200`,
    valuesOf(filter),
  );
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
};

/** One letter with its headers and bytes; undefined when there is none. */
export const loadLetter = async (
  db: Database,
  id: number,
): Promise<(Letter & { readonly headers: Readonly<Record<string, string>>; readonly payload: Buffer }) | undefined> => {
  const { rows } = await db.query<LetterRow & { headers: Record<string, string>; payload: Buffer }>(
    `select ${columns}, headers, payload from dead_letters where id = $1`,
    [id],
  );
  const [row] = rows;
  return row === undefined ? undefined : { ...letterOf(row), headers: row.headers, payload: row.payload };
};

/** How many letters match and wait, by topic. */
export const countWaiting = async (db: Database, filter: LetterFilter): Promise<ReadonlyMap<string, number>> => {
  const { rows } = await db.query<{ topic: string; count: string }>(
    `select topic, count(*) as count from dead_letters where ${matches} group by topic`,
    valuesOf({ ...filter, state: 'waiting' }),
  );
  return new Map(rows.map((row) => [row.topic, Number(row.count)]));
};

const errorHeaders: readonly string[] = [deadLetterHeaders.code, deadLetterHeaders.message, deadLetterHeaders.consumer];

// The origin travels along: by it the record keeps its id, and is counted once however often it is sent back.
const recordOf = (row: ReplayRow, edit: LetterEdit | undefined): OutboxRecord => ({
  topic: row.topic,
  key: row.record_key ?? `${row.topic}:${row.partition}:${row.offset}`,
  value: edit?.payload ?? row.payload,
  headers: {
    ...Object.fromEntries(Object.entries(row.headers).filter(([name]) => !errorHeaders.includes(name))),
    [deadLetterHeaders.topic]: row.topic,
    [deadLetterHeaders.partition]: String(row.partition),
    [deadLetterHeaders.offset]: row.offset,
    [deadLetterHeaders.cluster]: row.epoch,
    [deadLetterHeaders.timestamp]: row.headers[deadLetterHeaders.timestamp] ?? String(row.first_failed_at.getTime()),
    [deadLetterHeaders.attempts]: String(row.attempts),
    [deadLetterHeaders.firstFailedAt]: row.first_failed_at.toISOString(),
  },
});

interface ReplayRow {
  id: string;
  topic: string;
  partition: number;
  offset: string;
  epoch: string;
  attempts: number;
  record_key: string | null;
  headers: Record<string, string>;
  payload: Buffer;
  first_failed_at: Date;
}

/** What a person changed of a letter before it goes back. */
export interface LetterEdit {
  readonly payload: Buffer;
}

/**
 * Marks waiting letters of these topics as replayed and puts their records into the outbox, in one transaction; at most
 * `limit`, oldest first. One that was replayed and did not come back is left alone. Answers the rows to be published.
 */
export const replayLetters = (
  pool: Pool,
  filter: LetterFilter,
  options: {
    readonly topics: readonly string[];
    readonly limit: number;
    readonly ownMs: number;
    readonly edit?: LetterEdit;
  },
): Promise<{ readonly ids: readonly number[]; readonly outbox: readonly OutboxRow[] }> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<ReplayRow>(
      `with chosen as (
         select id from dead_letters where ${matches} and topic = any($8::text[]) order by id limit $9 for update skip locked
       )
       update dead_letters d set replayed_at = now(), replays = d.replays + 1, payload = coalesce($10::bytea, d.payload)
       from chosen c where d.id = c.id
       returning d.id, topic, partition, "offset", epoch, attempts, record_key, headers, payload, first_failed_at`,
      [...valuesOf({ ...filter, state: 'waiting' }), options.topics, options.limit, options.edit?.payload ?? null],
    );
    rows.sort((a, b) => Number(a.id) - Number(b.id));
    const outbox = await writeOutbox(
      db,
      rows.map((row) => recordOf(row, options.edit)),
      options.ownMs,
    );
    return { ids: rows.map((row) => Number(row.id)), outbox };
  });

/** Discards letters for good: their payload, key and headers go, the row stays. Answers how many. */
export const discardLetters = async (db: Database, filter: LetterFilter): Promise<number> => {
  const { rowCount } = await db.query(
    `update dead_letters set discarded_at = now(), payload = '', headers = '{}', record_key = null
     where discarded_at is null and ${matches}`,
    valuesOf(filter),
  );
  return rowCount ?? 0;
};
