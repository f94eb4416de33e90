import type { SuppressionReason, SuppressionScope } from '../contracts/suppressions-api.ts';
import { isKeptBack, recipientHash, widestOf, type MailKind, type Suppression } from '../domain/suppression.ts';
import type { Database } from './connect.ts';

export interface NewSuppression extends Suppression {
  readonly accountId: string;
  readonly email: string;
  readonly esp?: string | undefined;
  /** The UUID of the message that it came from. */
  readonly messageId?: string | undefined;
}

const keyOf = (accountId: string, hash: Buffer): string => `${accountId} ${hash.toString('base64')}`;

/**
 * Stores suppressions in one statement; one that is there already only grows wider. Answers how many are new. In one order
 * for all writers, so that two never wait for each other.
 */
export const addSuppressions = async (db: Database, given: readonly NewSuppression[]): Promise<number> => {
  const byKey = new Map<string, NewSuppression & { readonly hash: Buffer }>();
  for (const one of given) {
    const hash = recipientHash(one.email);
    const key = `${keyOf(one.accountId, hash)} ${one.reason} ${one.list}`;
    byKey.set(key, widestOf([byKey.get(key) ?? { ...one, hash }, { ...one, hash }]) ?? { ...one, hash });
  }
  if (byKey.size === 0) return 0;
  const rows = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const { rows: stored } = await db.query<{ is_new: boolean }>(
    `insert into suppressions as s (account_id, email_hash, email, list, reason, scope, esp, message_id)
     select * from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[])
     on conflict (account_id, email_hash, list, reason) do update set
       scope = case when array_position($9::text[], s.scope) < array_position($9::text[], excluded.scope) then excluded.scope
                    else s.scope end,
       email = excluded.email
     where s.email is null or array_position($9::text[], s.scope) < array_position($9::text[], excluded.scope)
     returning (xmax = 0) as is_new`,
    [
      rows.map((row) => row.accountId),
      rows.map((row) => row.hash),
      rows.map((row) => row.email.toLowerCase()),
      rows.map((row) => row.list),
      rows.map((row) => row.reason),
      rows.map((row) => row.scope),
      rows.map((row) => row.esp ?? null),
      rows.map((row) => row.messageId ?? null),
      ['list', 'promotional', 'all-but-codes', 'all'] satisfies SuppressionScope[],
    ],
  );
  return stored.filter((row) => row.is_new).length;
};

/** The suppression that keeps a mail back, of an account's recipient; undefined when it may be sent. */
export type FindSuppression = (accountId: string, email: string, mail: MailKind) => Suppression | undefined;

/** Reads all suppressions of these recipients in one statement, none where there are no recipients. */
export const loadSuppressions = async (
  db: Database,
  recipients: readonly { readonly accountId: string; readonly email: string }[],
): Promise<FindSuppression> => {
  const asked = new Map<string, { readonly accountId: string; readonly hash: Buffer }>();
  for (const { accountId, email } of recipients) {
    const hash = recipientHash(email);
    asked.set(keyOf(accountId, hash), { accountId, hash });
  }
  if (asked.size === 0) return () => undefined;
  const { rows } = await db.query<{
    account_id: string;
    email_hash: Buffer;
    list: string;
    reason: SuppressionReason;
    scope: SuppressionScope;
  }>(
    // By the index, whatever the table's size: a join with the recipients would be planned as a scan of the table. What it
    // finds of an account and another one's recipient is looked up by nobody.
    `select account_id, email_hash, list, reason, scope from suppressions
     where account_id = any($1::text[]) and email_hash = any($2::bytea[])`,
    [[...new Set([...asked.values()].map(({ accountId }) => accountId))], [...asked.values()].map(({ hash }) => hash)],
  );
  if (rows.length === 0) return () => undefined;
  const found = new Map<string, Suppression[]>();
  for (const { account_id: accountId, email_hash: hash, list, reason, scope } of rows) {
    const key = keyOf(accountId, hash);
    found.set(key, [...(found.get(key) ?? []), { list, reason, scope }]);
  }
  return (accountId, email, mail) =>
    widestOf(
      (found.get(keyOf(accountId, recipientHash(email))) ?? []).filter((suppression) => isKeptBack(suppression, mail)),
    );
};

export interface StoredSuppression extends Suppression {
  readonly id: number;
  /** Null once the recipient was erased. */
  readonly email: string | null;
  readonly esp: string | null;
  readonly messageId: string | null;
  readonly createdAt: Date;
}

interface SuppressionRow {
  id: string;
  email: string | null;
  list: string;
  reason: SuppressionReason;
  scope: SuppressionScope;
  esp: string | null;
  message_id: string | null;
  created_at: Date;
}

export interface SuppressionFilter {
  readonly email?: string | undefined;
  readonly reason?: string | undefined;
  readonly list?: string | undefined;
}

const filterSql = `account_id = $1 and ($2::bytea is null or email_hash = $2) and ($3::text is null or reason = $3)
       and ($4::text is null or list = $4)`;
const filterValues = (accountId: string, { email, reason, list }: SuppressionFilter) => [
  accountId,
  email === undefined ? null : recipientHash(email),
  reason ?? null,
  list ?? null,
];

/** An account's suppressions, newest first, below the id `after`; one more than `limit`, where there are more. */
export const listSuppressions = async (
  db: Database,
  accountId: string,
  filter: SuppressionFilter & { readonly after?: number | undefined; readonly limit: number },
): Promise<StoredSuppression[]> => {
  const { rows } = await db.query<SuppressionRow>(
    `select id, email, list, reason, scope, esp, message_id, created_at from suppressions
     where ${filterSql} and ($5::bigint is null or id < $5) order by id desc limit $6`,
    [...filterValues(accountId, filter), filter.after ?? null, filter.limit + 1],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    email: row.email,
    list: row.list,
    reason: row.reason,
    scope: row.scope,
    esp: row.esp,
    messageId: row.message_id,
    createdAt: row.created_at,
  }));
};

/** Removes an account's suppressions of one address, all of them or those that the filter names; answers how many. */
export const removeSuppressions = async (
  db: Database,
  accountId: string,
  filter: SuppressionFilter & { readonly email: string },
): Promise<number> => {
  const { rowCount } = await db.query(`delete from suppressions where ${filterSql}`, filterValues(accountId, filter));
  return rowCount ?? 0;
};

/** Forgets an address for good; its hash stays, so that who was erased is still not mailed. */
export const forgetSuppressedAddress = async (
  db: Database,
  accountId: string | undefined,
  email: string,
): Promise<void> => {
  await db.query(
    `update suppressions set email = null, message_id = null where email_hash = $2 and ($1::text is null or account_id = $1)`,
    [accountId ?? null, recipientHash(email)],
  );
};
