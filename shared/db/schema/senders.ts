// What mailbox providers' users say of a sender's mail, and what is made of it.
import { date, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { at, count } from './columns.ts';

/** Outcomes by the domain that mail is from and the day (UTC) of sending. */
export const senderStatistics = pgTable(
  'sender_statistics',
  {
    accountId: text('account_id').notNull(),
    senderDomain: text('sender_domain').notNull(),
    mailboxProvider: text('mailbox_provider').notNull(),
    day: date('day').notNull(),
    delivered: count('delivered'),
    complained: count('complained'),
  },
  (table) => [
    primaryKey({
      name: 'sender_statistics_pk',
      columns: [table.day, table.accountId, table.senderDomain, table.mailboxProvider],
    }),
  ],
);

/** When the next message of a slowed sender may go to a provider: where the queue of those that wait ends. */
export const senderPaces = pgTable(
  'sender_paces',
  {
    accountId: text('account_id').notNull(),
    senderDomain: text('sender_domain').notNull(),
    mailboxProvider: text('mailbox_provider').notNull(),
    nextAt: at('next_at').notNull(),
  },
  (table) => [
    primaryKey({
      name: 'sender_paces_pk',
      columns: [table.accountId, table.senderDomain, table.mailboxProvider],
    }),
  ],
);
