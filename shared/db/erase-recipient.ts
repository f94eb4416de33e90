// Erasing one recipient: what is found by an index goes at once, copies and dead letters are looked through in steps.
import { createHash } from 'node:crypto';
import { accountOfPayload, erasedAddress, eraseFromData, eraseFromPayload } from '../domain/erase-from-payload.ts';
import { mailboxOf } from '../domain/one-time-code.ts';
import type { StateChange } from '../domain/outcome-records.ts';
import type { Database, Pool } from './connect.ts';
import { eraseFromSchedules } from './erase-schedules.ts';
import { forgetSuppressedAddress } from './suppressions.ts';
import { writeOutcomes } from './write-outcomes.ts';

export interface Erasure {
  readonly id: number;
  readonly accountId: string | null;
  readonly requestedAt: Date;
  readonly messages: number;
  readonly copies: number;
  readonly deadLetters: number;
  readonly doneAt: Date | null;
}

interface ErasureRow {
  id: string;
  account_id: string | null;
  email: string | null;
  requested_at: Date;
  message_cursor: string | null;
  letter_cursor: string;
  messages: number;
  copies: number;
  dead_letters: number;
  done_at: Date | null;
}

const erasureOf = (row: ErasureRow): Erasure => ({
  id: Number(row.id),
  accountId: row.account_id,
  requestedAt: row.requested_at,
  messages: row.messages,
  copies: row.copies,
  deadLetters: row.dead_letters,
  doneAt: row.done_at,
});

interface ErasedRow {
  id: string;
  request_id: string;
  account_id: string;
  attempt: number;
  esp: string;
  at: Date;
}
const cancelReason = 'The recipient was erased.';
/** What is told of a cancelled message: no address. */
const cancelled = ({ id, request_id: requestId, account_id: accountId, attempt, esp, at }: ErasedRow): StateChange => ({
  ...{ id, requestId, accountId, attempt, esp, at },
  email: erasedAddress,
  status: 'cancelled',
  reason: cancelReason,
});

const messagesPerStep = 20_000;
const lettersPerStep = 500;

/**
 * Begins to erase a recipient of one account, or of all where `accountId` is undefined. Its messages lose address, name and
 * variables at once; those that still wait are cancelled. Requests to it alone lose their texts, and the answer says where
 * large ones lie. The rest follows by `continueErasure`. Cancellations are told on the `outcomeTopic`.
 */
export const beginErasure = (
  pool: Pool,
  asked: { readonly accountId: string | undefined; readonly email: string; readonly requestedBy: string },
  outcomeTopic?: string,
): Promise<Erasure & { readonly contentRefs: readonly string[] }> =>
  pool.transaction(async (db) => {
    const { rows: found } = await db.query<ErasedRow & { is_cancelled: boolean }>(
      `with own as (
         select id, status in ('queued', 'scheduled', 'unknown') as is_cancelled from messages where lower(email) = lower($1) and ($2::text is null or account_id = $2) order by id for update
       )
       update messages m set email = $3, name = null, data = null, updated_at = now(),
         status = case when own.is_cancelled then 'cancelled' else m.status end,
         reason = case when own.is_cancelled then $4 else m.reason end,
         due_at = case when own.is_cancelled then null else m.due_at end
       from own where m.id = own.id
       returning m.id, m.request_id, m.account_id, m.attempt, m.esp, m.updated_at as at, own.is_cancelled`,
      [asked.email, asked.accountId ?? null, erasedAddress, cancelReason],
    );
    await writeOutcomes(db, outcomeTopic, found.filter(({ is_cancelled: isCancelled }) => isCancelled).map(cancelled));
    const { rows: blobs } = await db.query<{ content_ref: string | null }>(
      `with alone as (
         select r.id, r.content ->> 'contentRef' as content_ref from requests r
         where r.id = any($1::text[]) and not exists (select from messages m where m.request_id = r.id and m.email <> $2) for update
       )
       update requests r set content = jsonb_build_object('from', r.content -> 'from'), body_purged_at = now()
       from alone where r.id = alone.id returning alone.content_ref`,
      [[...new Set(found.map((row) => row.request_id))], erasedAddress],
    );
    const mailbox = mailboxOf(asked.email)?.mailbox;
    await db.query('delete from one_time_codes where mailbox = $1 and ($2::text is null or account_id = $2)', [
      mailbox ?? '',
      asked.accountId ?? null,
    ]);
    await eraseFromSchedules(db, asked.accountId, asked.email);
    await forgetSuppressedAddress(db, asked.accountId, asked.email);
    const { rows } = await db.query<ErasureRow>(
      `insert into erasures (account_id, email, email_hash, requested_by, messages) values ($1, $2, $3, $4, $5) returning *`,
      [
        asked.accountId ?? null,
        asked.email,
        createHash('sha256').update(asked.email.toLowerCase()).digest(),
        asked.requestedBy,
        found.length,
      ],
    );
    const [row] = rows;
    if (row === undefined) throw new TypeError('the erasure was not stored');
    return { ...erasureOf(row), contentRefs: blobs.flatMap(({ content_ref: ref }) => ref ?? []) };
  });

/** One erasure; undefined when there is none, or it is another account's. */
export const loadErasure = async (
  db: Database,
  id: number,
  accountId: string | undefined,
): Promise<Erasure | undefined> => {
  const { rows } = await db.query<ErasureRow>(
    `select * from erasures where id = $1 and ($2::text is null or account_id = $2)`,
    [id, accountId ?? null],
  );
  const [row] = rows;
  return row === undefined ? undefined : erasureOf(row);
};

// Copies (cc, bcc) stand in the data of other recipients' messages, which no index knows.
const eraseCopies = async (db: Database, row: ErasureRow, email: string) => {
  const { rows } = await db.query<{ id: string; data: unknown; is_hit: boolean; last: string }>(
    `with step as materialized (
       select id, account_id, data from messages where id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
       order by id limit ${messagesPerStep}
     )
     select id, data, true as is_hit, id as last from step
     where data is not null and ($2::text is null or account_id = $2) and position(lower($3) in lower(data::text)) > 0
     union all
     (select id, null, false, id from step order by id desc limit 1)`,
    [row.message_cursor, row.account_id, email],
  );
  const changed = rows.flatMap(({ id, data, is_hit: isHit }) => {
    const left = isHit ? eraseFromData(data, email) : undefined;
    return left === undefined ? [] : [{ id, data: JSON.stringify(left) }];
  });
  if (changed.length > 0) {
    await db.query(
      `update messages m set data = c.data from unnest($1::uuid[], $2::jsonb[]) as c(id, data) where m.id = c.id`,
      [changed.map(({ id }) => id), changed.map(({ data }) => data)],
    );
  }
  return { last: rows.find((found) => !found.is_hit)?.last ?? null, changed: changed.length };
};

const eraseLetters = async (db: Database, row: ErasureRow, email: string) => {
  const { rows } = await db.query<{ id: string; payload: Buffer }>(
    `select id, payload from dead_letters where id > $1 and discarded_at is null order by id limit ${lettersPerStep} for update`,
    [row.letter_cursor],
  );
  const touched = rows.flatMap(({ id, payload }) => {
    if (row.account_id !== null && accountOfPayload(payload) !== row.account_id) return [];
    const erased = eraseFromPayload(payload, email);
    return erased.kind === 'untouched' ? [] : [{ id, payload: erased.kind === 'changed' ? erased.payload : null }];
  });
  if (touched.length > 0) {
    await db.query(
      `update dead_letters d set payload = coalesce(t.payload, ''), record_key = case when t.payload is null then null else d.record_key end,
              headers = case when t.payload is null then '{}' else d.headers end,
              discarded_at = case when t.payload is null then now() else d.discarded_at end
       from unnest($1::bigint[], $2::bytea[]) as t(id, payload) where d.id = t.id`,
      [touched.map(({ id }) => id), touched.map(({ payload }) => payload)],
    );
  }
  return { last: rows.at(-1)?.id, changed: touched.length };
};

// An attempt that was under way when the erasure began may have put its message back into the queue since.
const cancelReturned = async (db: Database, outcomeTopic: string | undefined): Promise<boolean> => {
  const { rows: returned } = await db.query<ErasedRow>(
    `update messages set status = 'cancelled', reason = $2, due_at = null, updated_at = now()
     where lower(email) = $1 and status in ('queued', 'scheduled', 'unknown')
     returning id, request_id, account_id, attempt, esp, updated_at as at`,
    [erasedAddress, cancelReason],
  );
  await writeOutcomes(db, outcomeTopic, returned.map(cancelled));
  const { rows } = await db.query(`select from messages where lower(email) = $1 and status = 'sending' limit 1`, [
    erasedAddress,
  ]);
  return rows.length > 0;
};

/**
 * One step of one erasure that is not done; answers whether there is more to do at once. Dead letters that do not say
 * whose they are belong to an erasure for all accounts alone.
 */
export const continueErasure = (pool: Pool, outcomeTopic?: string): Promise<boolean> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<ErasureRow>(
      `select * from erasures where done_at is null order by id limit 1 for update skip locked`,
    );
    const [row] = rows;
    if (row === undefined || row.email === null) return false;
    const copies = await eraseCopies(db, row, row.email);
    const letters = await eraseLetters(db, row, row.email);
    const isOver = copies.last === null && letters.last === undefined;
    const isDone = isOver && !(await cancelReturned(db, outcomeTopic));
    await db.query(
      `update erasures set message_cursor = coalesce($2, message_cursor), letter_cursor = coalesce($3, letter_cursor),
              copies = copies + $4, dead_letters = dead_letters + $5,
              done_at = case when $6 then now() end, email = case when $6 then null else email end
       where id = $1`,
      [row.id, copies.last, letters.last ?? null, copies.changed, letters.changed, isDone],
    );
    return !isOver;
  });
