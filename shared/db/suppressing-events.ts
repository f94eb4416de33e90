// What events know too little of to suppress anybody: whose mail it was, to whom, and what became of mail before.
import { softBounceRule, type SoftBounceOutcome } from '../domain/soft-bounces.ts';
import type { MailKind } from '../domain/suppression.ts';
import type { Database } from './connect.ts';

export interface MailedRecipient extends MailKind {
  readonly messageId: string;
  readonly accountId: string;
  readonly email: string;
}

/** To whom these messages went, and what kind of mail they are; those nobody knows are left out. */
export const loadMailed = async (db: Database, messageIds: readonly string[]): Promise<readonly MailedRecipient[]> => {
  if (messageIds.length === 0) return [];
  const { rows } = await db.query<{
    id: string;
    account_id: string;
    email: string;
    class: string | null;
    list: string | null;
  }>(
    `select m.id, m.account_id, m.email, r.class, r.list from messages m left join requests r on r.id = m.request_id
     where m.id = any($1::uuid[])`,
    [messageIds],
  );
  return rows.map((row) => ({
    messageId: row.id,
    accountId: row.account_id,
    email: row.email,
    messageClass: row.class ?? 'transactional',
    list: row.list,
  }));
};

/** What became of the latest mail to these recipients within the rule's days, by `accountId email` (lower case). */
export const loadBounceHistory = async (
  db: Database,
  recipients: readonly { readonly accountId: string; readonly email: string }[],
): Promise<ReadonlyMap<string, readonly SoftBounceOutcome[]>> => {
  if (recipients.length === 0) return new Map();
  const { rows } = await db.query<{ n: string; message_id: string; type: string; at: Date }>(
    `select q.n, e.message_id, e.type, e.at
     from unnest($1::text[], $2::text[]) with ordinality as q(account_id, email, n)
     cross join lateral (
       select m.id from messages m where lower(m.email) = lower(q.email) and m.account_id = q.account_id
         and m.created_at > now() - $3::int * interval '1 day' order by m.created_at desc limit 50
     ) m
     join events e on e.message_id = m.id and e.event_day >= (now() - $3::int * interval '1 day')::date
     where e.type = 'delivered' or (e.type = 'bounced' and e.bounce_class = 'soft')`,
    [recipients.map(({ accountId }) => accountId), recipients.map(({ email }) => email), softBounceRule.withinDays],
  );
  const history = new Map<string, SoftBounceOutcome[]>();
  for (const row of rows) {
    const of = recipients[Number(row.n) - 1];
    if (of === undefined) continue;
    const key = `${of.accountId} ${of.email.toLowerCase()}`;
    const outcome = {
      messageId: row.message_id,
      type: row.type === 'delivered' ? ('delivered' as const) : ('soft-bounced' as const),
      atMs: row.at.getTime(),
    };
    history.set(key, [...(history.get(key) ?? []), outcome]);
  }
  return history;
};
