// One-time codes. A mailbox has one row a purpose: a new code takes the place of the old one, and limits are exact by the
// row's lock.
import { date, index, integer, pgTable, primaryKey, smallint, text, timestamp } from 'drizzle-orm/pg-core';
import { at, bytea, count } from './columns.ts';

export const oneTimeCodes = pgTable(
  'one_time_codes',
  {
    accountId: text('account_id').notNull(),
    /** The address in lower case, without what stands behind a `+`. */
    mailbox: text('mailbox').notNull(),
    purpose: text('purpose').notNull(),
    id: text('id').notNull(),
    /** Null: there is no code that could be right. */
    codeMac: bytea('code_mac'),
    codeLength: smallint('code_length').notNull(),
    attempts: integer('attempts').notNull().default(0),
    expiresAt: at('expires_at').notNull(),
    /** When codes were asked for within the last hour. */
    askedAt: timestamp('asked_at', { withTimezone: true, mode: 'date' }).array().notNull(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.mailbox, table.purpose] }),
    index('one_time_codes_expiry').on(table.expiresAt),
  ],
);

/** How many codes were made, verified and never used, by day. In shards, so that busy accounts do not wait for one row. */
export const codeCounts = pgTable(
  'code_counts',
  {
    accountId: text('account_id').notNull(),
    day: date('day').notNull(),
    shard: integer('shard').notNull(),
    issued: count('issued'),
    verified: count('verified'),
    expired: count('expired'),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.day, table.shard] })],
);
