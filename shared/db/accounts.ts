import { adminAccountId, limitsOf, type AccountLimits } from '../domain/account.ts';
import type { Database, Pool } from './connect.ts';

/** On which Postgres tells that an account or a key has changed: whoever caches either looks again. */
export const accountsChannel = 'mailfleet_accounts';

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly senderDomains: readonly string[];
  readonly limits: AccountLimits;
  readonly createdAt: Date;
  readonly closedAt: Date | null;
}

interface AccountRow {
  id: string;
  name: string;
  sender_domains: string[];
  limits: Partial<AccountLimits>;
  created_at: Date;
  closed_at: Date | null;
}

const columns = 'id, name, sender_domains, limits, created_at, closed_at';
const fromRow = (row: AccountRow): Account => ({
  id: row.id,
  name: row.name,
  senderDomains: row.sender_domains,
  limits: limitsOf(row.limits),
  createdAt: row.created_at,
  closedAt: row.closed_at,
});

/** Limits to be set; null goes back to the usual one, and what is not named stays. */
export type NewLimits = { readonly [K in keyof AccountLimits]?: number | null | undefined };

// Null removes: jsonb_strip_nulls after the merge.
const limitsJson = (limits: NewLimits): string => JSON.stringify(limits);

/** Makes an account; undefined when the id is taken, be it by a closed one. */
export const insertAccount = async (
  db: Database,
  account: {
    readonly id: string;
    readonly name: string;
    readonly senderDomains: readonly string[];
    readonly limits: NewLimits;
  },
): Promise<Account | undefined> => {
  const { rows } = await db.query<AccountRow>(
    `insert into accounts (id, name, sender_domains, limits) values ($1, $2, $3, jsonb_strip_nulls($4::jsonb))
     on conflict (id) do nothing returning ${columns}`,
    [account.id, account.name, account.senderDomains, limitsJson(account.limits)],
  );
  return rows[0] && fromRow(rows[0]);
};

export const loadAccount = async (db: Database, id: string): Promise<Account | undefined> => {
  const { rows } = await db.query<AccountRow>(`select ${columns} from accounts where id = $1`, [id]);
  return rows[0] && fromRow(rows[0]);
};

/** Accounts by id, from the one after `after`; one more than `limit` when there are more. */
export const listAccounts = async (db: Database, after: string, limit: number): Promise<Account[]> => {
  const { rows } = await db.query<AccountRow>(`select ${columns} from accounts where id > $1 order by id limit $2`, [
    after,
    limit + 1,
  ]);
  return rows.map(fromRow);
};

/** The domains that accounts may send from; an account that does not exist or is closed has no entry. */
export const loadSenderDomains = async (
  db: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const { rows } = await db.query<{ id: string; sender_domains: string[] }>(
    'select id, sender_domains from accounts where id = any($1) and closed_at is null',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.sender_domains]));
};

/** Changes what is named of an open account and tells every process; undefined when there is none. */
export const changeAccount = async (
  pool: Pool,
  id: string,
  change: {
    readonly name?: string | undefined;
    readonly senderDomains?: readonly string[] | undefined;
    readonly limits?: NewLimits | undefined;
  },
): Promise<Account | undefined> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<AccountRow>(
      `update accounts set name = coalesce($2, name), sender_domains = coalesce($3, sender_domains),
              limits = jsonb_strip_nulls(limits || coalesce($4::jsonb, '{}'))
       where id = $1 and closed_at is null returning ${columns}`,
      [id, change.name ?? null, change.senderDomains ?? null, change.limits ? limitsJson(change.limits) : null],
    );
    await db.query(`select pg_notify('${accountsChannel}', $1)`, [id]);
    return rows[0] && fromRow(rows[0]);
  });

/**
 * Closes an account for good: its keys are revoked with it, what it has accepted stays. False when there is no such
 * account. Closing one twice changes nothing. The administrators' account is never closed.
 */
export const closeAccount = async (pool: Pool, id: string): Promise<boolean> =>
  pool.transaction(async (db) => {
    const { rowCount } = await db.query(
      'update accounts set closed_at = coalesce(closed_at, now()) where id = $1 and id <> $2',
      [id, adminAccountId],
    );
    await db.query('update api_keys set revoked_at = now() where account_id = $1 and revoked_at is null', [id]);
    await db.query(`select pg_notify('${accountsChannel}', $1)`, [id]);
    return rowCount === 1;
  });
