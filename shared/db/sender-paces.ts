import type { Database } from './connect.ts';

/** A message of a sender whose mail to this provider is slowed. */
export interface SlowedMessage {
  readonly id: string;
  readonly accountId: string;
  readonly senderDomain: string;
  readonly mailboxProvider: string;
  readonly perMinute: number;
}

/**
 * Gives messages their places in the queues of their senders and providers, in the given order: each queue goes on where
 * the last message that took a place in it ends, whoever took it. Answers when the time of each comes, for those whose it
 * has not yet. `areNew`: messages that are stored by now have a place already, and take none.
 */
export const takePlaces = async (
  db: Database,
  messages: readonly SlowedMessage[],
  areNew: boolean,
): Promise<ReadonlyMap<string, Date>> => {
  if (messages.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; due_at: Date }>(
    `with given as (
       select g.*, row_number() over (partition by account_id, sender_domain, mailbox_provider order by n) as place
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[]) with ordinality
         as g(id, account_id, sender_domain, mailbox_provider, per_minute, n)
       where not $6::bool or not exists (select from messages m where m.id = g.id)
     ), queues as (
       select account_id, sender_domain, mailbox_provider, count(*) as length, interval '1 minute' / min(per_minute) as step
       from given group by 1, 2, 3
     ), moved as (
       insert into sender_paces as t (account_id, sender_domain, mailbox_provider, next_at)
       select account_id, sender_domain, mailbox_provider, now() + length * step from queues order by 1, 2, 3
       on conflict (account_id, sender_domain, mailbox_provider) do update
         set next_at = greatest(t.next_at, now()) + (excluded.next_at - now())
       returning account_id, sender_domain, mailbox_provider, next_at
     )
     select g.id, m.next_at - (q.length - g.place + 1) * q.step as due_at
     from given g join queues q using (account_id, sender_domain, mailbox_provider)
     join moved m using (account_id, sender_domain, mailbox_provider)
     where m.next_at - (q.length - g.place + 1) * q.step > now()`,
    [
      messages.map((message) => message.id),
      messages.map((message) => message.accountId),
      messages.map((message) => message.senderDomain),
      messages.map((message) => message.mailboxProvider),
      messages.map((message) => message.perMinute),
      areNew,
    ],
  );
  return new Map(rows.map((row) => [row.id, row.due_at]));
};
