// Named content of accounts: what subscriptions and schedules say, read when they are due.
import type { Database } from './connect.ts';

export interface Content {
  readonly subject: string;
  /** HTML. */
  readonly content: string;
}

export const loadContent = async (
  db: Database,
  accountId: string,
  contentType: string,
): Promise<Content | undefined> => {
  const { rows } = await db.query<{ subject: string; content: string }>(
    'select subject, content from contents where account_id = $1 and content_type = $2',
    [accountId, contentType],
  );
  return rows[0];
};

/** Stores content under a name, new or in place of what was there. */
export const putContent = async (
  db: Database,
  accountId: string,
  contentType: string,
  { subject, content }: Content,
): Promise<void> => {
  await db.query(
    `insert into contents (account_id, content_type, subject, content) values ($1, $2, $3, $4)
     on conflict (account_id, content_type) do update set subject = excluded.subject, content = excluded.content, updated_at = now()`,
    [accountId, contentType, subject, content],
  );
};

/** Changes content that is there; false when none is. */
export const changeContent = async (
  db: Database,
  accountId: string,
  contentType: string,
  { subject, content }: Content,
): Promise<boolean> => {
  const { rowCount } = await db.query(
    'update contents set subject = $3, content = $4, updated_at = now() where account_id = $1 and content_type = $2',
    [accountId, contentType, subject, content],
  );
  return rowCount === 1;
};
