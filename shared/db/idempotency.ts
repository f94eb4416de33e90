import type { Database } from './connect.ts';

export type KeyState = 'new' | 'done' | 'in-flight' | 'other-body';

/**
 * Takes an idempotency key for one request. `new`: the caller may go on, and holds the key for 30 s; `done`: the same
 * request was accepted before; `in-flight`: somebody else is at it; `other-body`: the key was used for another request
 * within 24 hours, accepted or not - what was answered 503 may have arrived all the same.
 */
export const takeKey = async (
  db: Database,
  key: { readonly accountId: string; readonly keyHash: Buffer; readonly bodyHash: Buffer; readonly requestId: string },
): Promise<KeyState> => {
  const { rows } = await db.query<{ state: KeyState }>(
    `with taken as (
       insert into idempotency_keys as k (account_id, key_hash, body_hash, request_id, locked_until)
       values ($1, $2, $3, $4, now() + interval '30 s')
       -- What a process took before it died may be on the topic: another body must not follow it under the same key.
       on conflict (account_id, key_hash) do update set
         locked_until = excluded.locked_until, body_hash = excluded.body_hash, request_id = excluded.request_id, is_done = false,
         created_at = case when k.created_at < now() - interval '24 hours' then now() else k.created_at end
         where k.locked_until < now() and (k.created_at < now() - interval '24 hours'
                                           or (not k.is_done and k.body_hash = excluded.body_hash))
       returning 'new' as state
     )
     select state from taken
     union all
     select case when k.body_hash <> $3 then 'other-body' when k.is_done then 'done' else 'in-flight' end
     from idempotency_keys k where k.account_id = $1 and k.key_hash = $2 and not exists (select from taken)
     limit 1`,
    [key.accountId, key.keyHash, key.bodyHash, key.requestId],
  );
  // No row at all: somebody inserted it between our two looks, and is at it.
  return rows[0]?.state ?? 'in-flight';
};

/** A key that came with a record of Kafka. */
export interface RecordKey {
  readonly accountId: string;
  readonly keyHash: Buffer;
  readonly bodyHash: Buffer;
  readonly requestId: string;
}

/**
 * Notes the keys of records, which Kafka has already: nothing can be in flight, so each is done at once. Answers for each
 * whether it stands for this request; false when it was used for another one within 24 hours. One statement.
 */
export const noteKeys = async (db: Database, keys: readonly RecordKey[]): Promise<readonly boolean[]> => {
  if (keys.length === 0) return [];
  const { rows } = await db.query<{ n: string; is_same: boolean | null }>(
    `with given as (
       select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[]) with ordinality as g(account_id, key_hash, body_hash, request_id, n)
     ), noted as (
       insert into idempotency_keys as k (account_id, key_hash, body_hash, request_id, is_done, locked_until)
       select distinct on (account_id, key_hash) account_id, key_hash, body_hash, request_id, true, now() from given
       order by account_id, key_hash, n
       on conflict (account_id, key_hash) do update set
         body_hash = excluded.body_hash, request_id = excluded.request_id, is_done = true, created_at = now()
         where k.created_at < now() - interval '24 hours' and k.locked_until < now()
       returning account_id, key_hash, body_hash
     )
     select g.n, coalesce(t.body_hash, k.body_hash) = g.body_hash as is_same
     from given g left join noted t using (account_id, key_hash) left join idempotency_keys k using (account_id, key_hash)
     order by g.n`,
    [
      keys.map((key) => key.accountId),
      keys.map((key) => key.keyHash),
      keys.map((key) => key.bodyHash),
      keys.map((key) => key.requestId),
    ],
  );
  // Null: somebody inserted it between our two looks; the next look sees it.
  return rows.some((row) => row.is_same === null) ? noteKeys(db, keys) : rows.map((row) => row.is_same === true);
};

/** Says how the request that holds a key ended: `done` for good, or free for the next try. */
export const settleKey = async (db: Database, accountId: string, keyHash: Buffer, isDone: boolean): Promise<void> => {
  await db.query(
    `update idempotency_keys set is_done = $3, locked_until = now() where account_id = $1 and key_hash = $2`,
    [accountId, keyHash, isDone],
  );
};

/**
 * Removes keys that are older than `days` by Postgres's clock and that nobody holds; answers how many, at most `limit`.
 * There is no index for it: the table is kept in the order in which keys were taken, so old ones lie where a scan begins.
 */
export const purgeKeys = async (db: Database, days: number, limit: number): Promise<number> => {
  const { rowCount } = await db.query(
    `delete from idempotency_keys k using (
       select account_id, key_hash from idempotency_keys
       where created_at < now() - $1::int * interval '1 day' and locked_until < now()
       limit $2 for update skip locked
     ) old where k.account_id = old.account_id and k.key_hash = old.key_hash`,
    [days, limit],
  );
  return rowCount ?? 0;
};
