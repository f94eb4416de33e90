// Who may do what, and how much of it.
import { doublePrecision, jsonb, pgTable, text, uniqueIndex, index } from 'drizzle-orm/pg-core';
import { at, bytea } from './columns.ts';

/** Owners of keys, messages and all the rest. The migration makes `admin`, which may send from every domain. */
export const accounts = pgTable('accounts', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** `acme.example` for itself, `*.acme.example` for all below it, `*` for every domain. */
  senderDomains: text('sender_domains').array().notNull(),
  /** Those that differ from the defaults. */
  limits: jsonb('limits').$type<Record<string, number>>().notNull(),
  createdAt: at('created_at').notNull().defaultNow(),
  closedAt: at('closed_at'),
});

/** A key's text is shown once; its SHA-256 stays. `prefix` is what a person recognises it by. */
export const apiKeys = pgTable(
  'api_keys',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    name: text('name').notNull().default(''),
    prefix: text('prefix').notNull(),
    secretHash: bytea('secret_hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at'),
    lastUsedAt: at('last_used_at'),
    revokedAt: at('revoked_at'),
  },
  (table) => [
    uniqueIndex('api_keys_secret').on(table.secretHash),
    index('api_keys_account').on(table.accountId, table.id),
  ],
);

/** What a key or an address has spent of its minute: `spent` leaks away with time from `filled_at` on. */
export const rateBuckets = pgTable('rate_buckets', {
  bucket: text('bucket').primaryKey(),
  filledAt: at('filled_at').notNull(),
  spent: doublePrecision('spent').notNull(),
});
