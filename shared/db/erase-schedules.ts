import type { Database } from './connect.ts';

/**
 * Takes an address out of what would mail it again: its subscriptions, its place in schedules (one without recipients ends),
 * tasks that wait for their next try, and its sign-up. Of one account, or of all where `accountId` is undefined.
 */
export const eraseFromSchedules = async (db: Database, accountId: string | undefined, email: string): Promise<void> => {
  const values = [email.toLowerCase(), accountId ?? null];
  await db.query('delete from schedules where subscriber = $1 and ($2::text is null or account_id = $2)', values);
  await db.query(
    `update schedules s set updated_at = now(), email = jsonb_set(email, '{recipients}', coalesce((
       select jsonb_agg(r order by n) from jsonb_array_elements(s.email -> 'recipients') with ordinality as e(r, n)
       where lower(r ->> 'email') <> $1 and right(lower(r ->> 'email'), length($1) + 2) <> '<' || $1 || '>'), '[]'))
     where position($1 in lower(email ->> 'recipients')) > 0 and ($2::text is null or account_id = $2)`,
    values,
  );
  await db.query(
    `delete from schedules where email -> 'recipients' = '[]' and ($1::text is null or account_id = $1)`,
    values.slice(1),
  );
  await db.query(
    `update tasks set state = 'failed', record = null, due_at = null, updated_at = now()
     where state = 'waiting' and lower(record -> 'payload' ->> 'userId') = $1 and ($2::text is null or account_id = $2)`,
    values,
  );
  // Whoever signed up is nobody's recipient but the fleet's.
  if (accountId === undefined) await db.query('delete from sign_ups where id = $1', values.slice(0, 1));
};
