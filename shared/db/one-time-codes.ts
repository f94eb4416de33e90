// One-time codes in Postgres: every time, limit and comparison of times is its own.
import type { Database } from './connect.ts';

/** Whose code it is. */
export interface CodeKey {
  readonly accountId: string;
  readonly mailbox: string;
  readonly purpose: string;
}

export interface CodeLimits {
  /** How long a code is good, in seconds. */
  readonly lifespanSeconds: number;
  /** The least time between two codes of a mailbox, in seconds; 0 for none. */
  readonly resendSeconds: number;
  /** Codes of a mailbox within an hour; 0 for any number. */
  readonly maxPerHour: number;
}

export type Issued =
  { readonly ok: true; readonly expiresAt: Date } | { readonly ok: false; readonly retryAfterMs: number };

const counted = (column: 'issued' | 'verified' | 'expired', from: string): string =>
  `insert into code_counts as n (account_id, day, shard, ${column})
   select account_id, current_date, floor(random() * 8)::int, count(*) from ${from} group by account_id
   on conflict (account_id, day, shard) do update set ${column} = n.${column} + excluded.${column}`;

const hour = `interval '1 hour'`;

/**
 * Stores a code's MAC in place of the mailbox's code before, unless the mailbox asked too often. One statement; of many at
 * the same moment the row's lock lets one through.
 */
export const issueCode = async (
  db: Database,
  { accountId, mailbox, purpose }: CodeKey,
  code: { readonly id: string; readonly mac: Buffer; readonly length: number },
  { lifespanSeconds, resendSeconds, maxPerHour }: CodeLimits,
): Promise<Issued> => {
  const { rows } = await db.query<{ expires_at: Date | null; retry_ms: number | null }>(
    `with made as (
       insert into one_time_codes as c (account_id, mailbox, purpose, id, code_mac, code_length, expires_at, asked_at)
       values ($1, $2, $3, $4, $5, $6, now() + $7::int * interval '1 s', array[now()])
       on conflict (account_id, mailbox, purpose) do update set
         id = excluded.id, code_mac = excluded.code_mac, code_length = excluded.code_length, attempts = 0,
         expires_at = excluded.expires_at, updated_at = now(),
         asked_at = array(select t from unnest(c.asked_at) t where t > now() - ${hour} order by t) || now()
       where ($8::int = 0 or not exists (select from unnest(c.asked_at) t where t > now() - $8::int * interval '1 s'))
         and ($9::int = 0 or (select count(*) from unnest(c.asked_at) t where t > now() - ${hour}) < $9::int)
       returning account_id, expires_at
     ), told as (${counted('issued', 'made')}),
     before as (
       select array(select t from unnest(asked_at) t where t > now() - ${hour} order by t desc) as recent
       from one_time_codes where account_id = $1 and mailbox = $2 and purpose = $3
     )
     select (select expires_at from made),
            (select (extract(epoch from greatest(
               case when $8::int > 0 then recent[1] + $8::int * interval '1 s' end,
               case when $9::int > 0 and cardinality(recent) >= $9::int then recent[$9::int] + ${hour} end
             ) - now()) * 1000)::float8 from before) as retry_ms`,
    [accountId, mailbox, purpose, code.id, code.mac, code.length, lifespanSeconds, resendSeconds, maxPerHour],
  );
  const [row] = rows;
  const expiresAt = row?.expires_at;
  if (expiresAt !== undefined && expiresAt !== null) return { ok: true, expiresAt };
  // Of two at the same moment the second did not see the first's row when it began.
  return { ok: false, retryAfterMs: Math.max(1_000, row?.retry_ms ?? resendSeconds * 1_000) };
};

/** Ends a code whose mail nobody will get, and lets the mailbox ask again at once. */
export const withdrawCode = async (
  db: Database,
  { accountId, mailbox, purpose }: CodeKey,
  id: string,
): Promise<void> => {
  await db.query(
    `update one_time_codes set code_mac = null, expires_at = now(), updated_at = now(),
            asked_at = asked_at[1:cardinality(asked_at) - 1]
     where account_id = $1 and mailbox = $2 and purpose = $3 and id = $4`,
    [accountId, mailbox, purpose, id],
  );
};

/** A code that a guess was spent on. */
export interface SpentAttempt {
  readonly id: string;
  /** Undefined: there is none that could be right. */
  readonly mac: Buffer | undefined;
  readonly length: number;
  /** Guesses since the code was made, this one included. */
  readonly attempts: number;
  readonly expiresInMs: number;
}

/**
 * Spends a guess. A mailbox that has no code is counted in the same way, so that neither the answer nor its time tells
 * whether somebody asked for a code here.
 */
export const spendAttempt = async (
  db: Database,
  { accountId, mailbox, purpose }: CodeKey,
  { lifespanSeconds, usualLength }: { readonly lifespanSeconds: number; readonly usualLength: number },
): Promise<SpentAttempt> => {
  const { rows } = await db.query<{
    id: string;
    code_mac: Buffer | null;
    code_length: number;
    attempts: number;
    expires_in_ms: number;
  }>(
    `insert into one_time_codes as c (account_id, mailbox, purpose, id, code_mac, code_length, attempts, expires_at, asked_at)
     values ($1, $2, $3, '', null, $5, 1, now() + $4::int * interval '1 s', '{}')
     on conflict (account_id, mailbox, purpose) do update set
       id = case when c.expires_at > now() then c.id else '' end,
       code_mac = case when c.expires_at > now() then c.code_mac end,
       code_length = case when c.expires_at > now() then c.code_length else excluded.code_length end,
       attempts = case when c.expires_at > now() then c.attempts + 1 else 1 end,
       expires_at = case when c.expires_at > now() then c.expires_at else excluded.expires_at end,
       updated_at = now()
     returning id, code_mac, code_length, attempts, (extract(epoch from expires_at - now()) * 1000)::float8 as expires_in_ms`,
    [accountId, mailbox, purpose, lifespanSeconds, usualLength],
  );
  const [row] = rows;
  if (row === undefined) throw new TypeError('an upsert answered no row');
  return {
    id: row.id,
    mac: row.code_mac ?? undefined,
    length: row.code_length,
    attempts: row.attempts,
    expiresInMs: row.expires_in_ms,
  };
};

/** Uses up a code that was guessed right; true for one caller only, however many guessed it at the same moment. */
export const consumeCode = async (
  db: Database,
  { accountId, mailbox, purpose }: CodeKey,
  id: string,
): Promise<boolean> => {
  const { rows } = await db.query<{ n: string }>(
    `with used as (
       update one_time_codes set code_mac = null, updated_at = now()
       where account_id = $1 and mailbox = $2 and purpose = $3 and id = $4 and code_mac is not null and expires_at > now()
       returning account_id
     ), told as (${counted('verified', 'used')})
     select count(*) as n from used`,
    [accountId, mailbox, purpose, id],
  );
  return rows[0]?.n === '1';
};

/**
 * Forgets codes that are over and mailboxes of which no limit needs to know any more. At most `limit` rows a call; answers
 * how many.
 */
export const cleanUpCodes = async (db: Database, limit: number): Promise<number> => {
  const { rows } = await db.query<{ n: string }>(
    `with over as (
       select account_id, mailbox, purpose, code_mac is not null as was_unused, updated_at < now() - ${hour} as is_old
       from one_time_codes where expires_at < now() and (code_mac is not null or updated_at < now() - ${hour})
       order by account_id, mailbox, purpose limit $1 for update skip locked
     ), gone as (
       delete from one_time_codes c using over o
       where o.is_old and c.account_id = o.account_id and c.mailbox = o.mailbox and c.purpose = o.purpose
     ), emptied as (
       update one_time_codes c set code_mac = null from over o
       where not o.is_old and c.account_id = o.account_id and c.mailbox = o.mailbox and c.purpose = o.purpose
     ), unused as (select account_id from over where was_unused),
     told as (${counted('expired', 'unused')})
     select count(*) as n from over`,
    [limit],
  );
  return Number(rows[0]?.n ?? 0);
};

export interface CodeCounts {
  readonly issued: number;
  readonly verified: number;
  readonly expired: number;
}

/** How many codes of an account were made, verified and never used within so many days, today included. */
export const countCodes = async (db: Database, accountId: string, days: number): Promise<CodeCounts> => {
  const { rows } = await db.query<{ issued: string; verified: string; expired: string }>(
    `select coalesce(sum(issued), 0) as issued, coalesce(sum(verified), 0) as verified, coalesce(sum(expired), 0) as expired
     from code_counts where account_id = $1 and day > current_date - $2::int`,
    [accountId, days],
  );
  const [row] = rows;
  return { issued: Number(row?.issued ?? 0), verified: Number(row?.verified ?? 0), expired: Number(row?.expired ?? 0) };
};
