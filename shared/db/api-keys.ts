import { scopes, type Scope } from '../contracts/accounts-api.ts';
import { limitsOf, type AccountLimits } from '../domain/account.ts';
import { accountsChannel } from './accounts.ts';
import type { Database, Pool } from './connect.ts';

export interface StoredKey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

interface KeyRow {
  id: string;
  account_id: string;
  name: string;
  prefix: string;
  scopes: string[];
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const columns = 'id, account_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at';
const fromRow = (row: KeyRow): StoredKey => ({
  id: row.id,
  accountId: row.account_id,
  name: row.name,
  prefix: row.prefix,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
});

/** Stores a new key; undefined when its account does not exist or is closed. */
export const insertKey = async (
  db: Database,
  key: {
    readonly id: string;
    readonly accountId: string;
    readonly name: string;
    readonly prefix: string;
    readonly secretHash: Buffer;
    readonly scopes: readonly Scope[];
    readonly expiresAt: string | null;
  },
): Promise<StoredKey | undefined> => {
  // The account's lock keeps a key from slipping in while its account is being closed.
  const { rows } = await db.query<KeyRow>(
    `with owner as (select id from accounts where id = $2 and closed_at is null for share)
     insert into api_keys (id, account_id, name, prefix, secret_hash, scopes, expires_at)
     select $1, owner.id, $3, $4, $5, $6, $7::timestamptz from owner returning ${columns}`,
    [key.id, key.accountId, key.name, key.prefix, key.secretHash, key.scopes, key.expiresAt],
  );
  return rows[0] && fromRow(rows[0]);
};

/** An account's keys, revoked ones too, newest first; one more than `limit` when there are more. */
export const listKeys = async (
  db: Database,
  accountId: string,
  before: string | undefined,
  limit: number,
): Promise<StoredKey[]> => {
  const { rows } = await db.query<KeyRow>(
    `select ${columns} from api_keys where account_id = $1 and ($2::text is null or id < $2) order by id desc limit $3`,
    [accountId, before ?? null, limit + 1],
  );
  return rows.map(fromRow);
};

/** Revokes an account's key and tells every process. False when the account has no such key; a second time changes nothing. */
export const revokeKey = async (pool: Pool, accountId: string, id: string): Promise<boolean> =>
  pool.transaction(async (db) => {
    const { rowCount } = await db.query(
      'update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 and account_id = $2',
      [id, accountId],
    );
    await db.query(`select pg_notify('${accountsChannel}', '')`);
    return rowCount === 1;
  });

/** A key that may be used, with what its account may do. */
export interface UsableKey {
  readonly keyId: string;
  readonly accountId: string;
  readonly scopes: readonly Scope[];
  readonly senderDomains: readonly string[];
  readonly limits: AccountLimits;
  /** How long it may still be used, by Postgres's clock; null without an end. */
  readonly expiresInMs: number | null;
}

const isScope = (text: string): text is Scope => scopes.some((scope) => scope === text);

/** The keys of these hashes that are neither revoked nor expired and whose account is open, by the hash in hex. */
export const findUsableKeys = async (
  db: Database,
  hashes: readonly Buffer[],
): Promise<ReadonlyMap<string, UsableKey>> => {
  const { rows } = await db.query<{
    secret_hash: Buffer;
    id: string;
    account_id: string;
    scopes: string[];
    sender_domains: string[];
    limits: Partial<AccountLimits>;
    expires_in_ms: number | null;
  }>(
    `select k.secret_hash, k.id, k.account_id, k.scopes, a.sender_domains, a.limits,
            (extract(epoch from k.expires_at - now()) * 1000)::float8 as expires_in_ms
     from api_keys k join accounts a on a.id = k.account_id
     where k.secret_hash = any($1) and k.revoked_at is null and a.closed_at is null
       and (k.expires_at is null or k.expires_at > now())`,
    [hashes],
  );
  return new Map(
    rows.map((row) => [
      row.secret_hash.toString('hex'),
      {
        keyId: row.id,
        accountId: row.account_id,
        scopes: row.scopes.filter(isScope),
        senderDomains: row.sender_domains,
        limits: limitsOf(row.limits),
        expiresInMs: row.expires_in_ms,
      },
    ]),
  );
};

/** Notes when keys were last used, `agoMs` before now by Postgres's clock; at most once a minute each, over all processes. */
export const noteKeyUse = async (
  db: Database,
  uses: readonly { readonly keyId: string; readonly agoMs: number }[],
): Promise<void> => {
  if (uses.length === 0) return;
  // In the order of ids, so that two processes never wait for each other over the same keys.
  const sorted = [...uses].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
  await db.query(
    `with used as (select u.id, now() - u.ago * interval '1 ms' as used_at from unnest($1::text[], $2::float8[]) as u(id, ago)),
     due as (
       select k.id, u.used_at from api_keys k join used u using (id)
       where k.last_used_at is null or k.last_used_at <= u.used_at - interval '1 minute'
       order by k.id for update of k skip locked
     )
     update api_keys k set last_used_at = due.used_at from due where due.id = k.id`,
    [sorted.map(({ keyId }) => keyId), sorted.map(({ agoMs }) => agoMs)],
  );
};
