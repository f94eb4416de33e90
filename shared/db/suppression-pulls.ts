import type { ListedSuppression } from '../esp/esp.ts';
import { adminAccountId } from '../domain/account.ts';
import { scopeOf } from '../domain/suppression.ts';
import type { Database } from './connect.ts';
import { addSuppressions } from './suppressions.ts';

/** From when on an ESP's list is to be read: an hour before the last reading began; undefined for all of it. Answers Postgres's time too. */
export const beginPull = async (
  db: Database,
  esp: string,
): Promise<{ readonly since: Date | undefined; readonly now: Date }> => {
  const { rows } = await db.query<{ since: Date | null; now: Date }>(
    `select now() as now, (select pulled_at - interval '1 hour' from suppression_pulls where esp = $1) as since`,
    [esp],
  );
  const [row] = rows;
  return { since: row?.since ?? undefined, now: row?.now ?? new Date() };
};

/**
 * Stores what an ESP lists, for every account that has mailed the address, and for the fleet's own. An ESP's list belongs to
 * all that send through it. Answers how many are new.
 */
export const storePulled = async (db: Database, esp: string, listed: readonly ListedSuppression[]): Promise<number> => {
  if (listed.length === 0) return 0;
  const { rows } = await db.query<{ account_id: string; email: string }>(
    `select distinct m.account_id, lower(m.email) as email from messages m where lower(m.email) = any($1::text[])`,
    [listed.map(({ email }) => email.toLowerCase())],
  );
  const owners = new Map<string, Set<string>>();
  for (const { account_id: accountId, email } of rows) {
    owners.set(email, (owners.get(email) ?? new Set()).add(accountId));
  }
  return addSuppressions(
    db,
    listed.flatMap(({ email, reason }) =>
      [...(owners.get(email.toLowerCase()) ?? new Set<string>()).add(adminAccountId)].map((accountId) => ({
        ...{ accountId, email, reason, esp, list: '' },
        scope: scopeOf(reason, null, undefined),
      })),
    ),
  );
};

/** Notes how a reading ended: `error` when it did not come to its end, and is begun from the same time again. */
export const endPull = async (
  db: Database,
  esp: string,
  pull: { readonly beganAt: Date; readonly added: number; readonly error: string | undefined },
): Promise<void> => {
  await db.query(
    `insert into suppression_pulls as p (esp, pulled_at, last_error, added) values ($1, case when $3::text is null then $2::timestamptz end, $3, $4)
     on conflict (esp) do update set pulled_at = coalesce(excluded.pulled_at, p.pulled_at), last_error = excluded.last_error,
       added = p.added + excluded.added, updated_at = now()`,
    [esp, pull.beganAt, pull.error ?? null, pull.added],
  );
};
