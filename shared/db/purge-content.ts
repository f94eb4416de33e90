import type { Database } from './connect.ts';

/**
 * Requests whose content lies in the blob store and has had its last use: older than the topics keep records (8 days),
 * with no message still to be sent. At most 100 a call.
 */
export const contentToPurge = async (db: Database): Promise<{ readonly id: string; readonly contentRef: string }[]> => {
  const { rows } = await db.query<{ id: string; content_ref: string }>(
    `select r.id, r.content ->> 'contentRef' as content_ref from requests r
     where r.content ? 'contentRef' and r.created_at < now() - interval '8 days'
       and not exists (select from messages m where m.request_id = r.id and m.status in ('queued', 'scheduled', 'sending', 'unknown'))
     order by r.created_at limit 100`,
  );
  return rows.map((row) => ({ id: row.id, contentRef: row.content_ref }));
};

/** Forgets where the content of these requests lay. */
export const forgetContent = async (db: Database, ids: readonly string[]): Promise<void> => {
  await db.query(`update requests set content = content - 'contentRef' where id = any($1::text[])`, [ids]);
};
