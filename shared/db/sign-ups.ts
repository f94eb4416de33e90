// Ids that signed up for a key of the tasks seed, each an account of its own.
import type { Database, Pool } from './connect.ts';

export interface SignUp {
  readonly id: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly state: 'pending' | 'active';
  readonly createdAt: Date;
}

/** Somebody who signed up for somebody else's id must not keep it for long. */
const pendingHours = 24;

interface SignUpRow {
  id: string;
  account_id: string;
  key_id: string;
  state: SignUp['state'];
  created_at: Date;
}

const columns = 'id, account_id, key_id, state, created_at';
const fromRow = (row: SignUpRow): SignUp => ({
  id: row.id,
  accountId: row.account_id,
  keyId: row.key_id,
  state: row.state,
  createdAt: row.created_at,
});

/**
 * Signs an id up with its account, which is made when it is not there. False when the id is taken: until it is deregistered, or its
 * mailbox has not confirmed it within a day.
 */
export const signUp = (
  pool: Pool,
  signUp: Omit<SignUp, 'createdAt'> & { readonly senderDomains: readonly string[] },
): Promise<boolean> =>
  pool.transaction(async (db) => {
    const { rowCount } = await db.query(
      `insert into sign_ups as s (id, account_id, key_id, state) values ($1, $2, $3, $4)
       on conflict (id) do update set key_id = excluded.key_id, state = excluded.state, created_at = now()
         where s.state = 'pending' and s.created_at < now() - interval '${pendingHours} hours'`,
      [signUp.id, signUp.accountId, signUp.keyId, signUp.state],
    );
    if (rowCount !== 1) return false;
    await db.query(
      `insert into accounts (id, name, sender_domains, limits) values ($1, $2, $3, '{}')
       on conflict (id) do update set sender_domains = excluded.sender_domains`,
      [signUp.accountId, 'a client of the task queue', signUp.senderDomains],
    );
    return true;
  });

/** Whose key this is, while it is alive and its account is open. */
export const findSignUp = async (
  db: Database,
  keyId: string,
): Promise<(SignUp & { readonly senderDomains: readonly string[] }) | undefined> => {
  const { rows } = await db.query<SignUpRow & { sender_domains: string[] }>(
    `select s.id, s.account_id, s.key_id, s.state, s.created_at, a.sender_domains
     from sign_ups s join accounts a on a.id = s.account_id where s.key_id = $1 and a.closed_at is null`,
    [keyId],
  );
  const [row] = rows;
  return row && { ...fromRow(row), senderDomains: row.sender_domains };
};

/** Lets a pending key work: the one that is named, or whatever the id has. False when there is none. */
export const activateSignUp = async (db: Database, id: string, keyId: string | undefined): Promise<boolean> => {
  const { rowCount } = await db.query(
    `update sign_ups set state = 'active' where id = $1 and ($2::text is null or key_id = $2)`,
    [id, keyId ?? null],
  );
  return rowCount === 1;
};

/** Ends an id's key: the one that is named, or whatever the id has. */
export const endSignUp = async (db: Database, id: string, keyId: string | undefined): Promise<boolean> => {
  const { rowCount } = await db.query('delete from sign_ups where id = $1 and ($2::text is null or key_id = $2)', [
    id,
    keyId ?? null,
  ]);
  return rowCount === 1;
};

const mailEvery = `interval '10 minutes'`;

/** The sign-up of an id that may be mailed about now: once in ten minutes, so that nobody's mailbox is filled. */
export const takeMailing = async (db: Database, id: string): Promise<SignUp | undefined> => {
  const { rows } = await db.query<SignUpRow>(
    `update sign_ups set mailed_at = now() where id = $1 and (mailed_at is null or mailed_at < now() - ${mailEvery})
     returning ${columns}`,
    [id],
  );
  return rows[0] && fromRow(rows[0]);
};

/** Sign-ups that wait for their mailbox or an administrator, oldest first. */
export const listPending = async (db: Database, limit: number): Promise<readonly SignUp[]> => {
  const { rows } = await db.query<SignUpRow>(
    `select ${columns} from sign_ups where state = 'pending' order by created_at, id limit $1`,
    [limit],
  );
  return rows.map(fromRow);
};
