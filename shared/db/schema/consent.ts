// Who is not to be mailed, and the texts that accounts keep.
import { bigserial, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { at, bytea } from './columns.ts';

/**
 * One list per account for all ESPs. `email_hash` is that of the address in lower case: once a recipient is erased, its
 * address goes and the hash still keeps mail from it. `list` is empty unless the scope is `list`.
 */
export const suppressions = pgTable(
  'suppressions',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    accountId: text('account_id').notNull(),
    emailHash: bytea('email_hash').notNull(),
    email: text('email'),
    list: text('list').notNull().default(''),
    reason: text('reason').notNull(),
    scope: text('scope').notNull(),
    esp: text('esp'),
    messageId: uuid('message_id'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('suppressions_recipient').on(table.accountId, table.emailHash, table.list, table.reason),
    index('suppressions_account').on(table.accountId, table.id),
  ],
);

/** Templates by the ids that their accounts gave them; `version` is the one that new requests use. */
export const templates = pgTable(
  'templates',
  {
    accountId: text('account_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
    /** Not to be used any more; its versions stay for messages that wait. */
    deletedAt: at('deleted_at'),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.id] })],
);

/** Never changed once written. `texts` holds subject, text and html by language. */
export const templateVersions = pgTable(
  'template_versions',
  {
    accountId: text('account_id').notNull(),
    templateId: text('template_id').notNull(),
    version: integer('version').notNull(),
    defaultLanguage: text('default_language').notNull(),
    texts: jsonb('texts').$type<Record<string, { subject: string; text?: string; html?: string }>>().notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.templateId, table.version] })],
);

/** How far each ESP's own list has been read. */
export const suppressionPulls = pgTable('suppression_pulls', {
  esp: text('esp').primaryKey(),
  /** When the last reading that came to its end began. */
  pulledAt: at('pulled_at'),
  /** Why the latest one did not come to its end; null when it did. */
  lastError: text('last_error'),
  added: integer('added').notNull().default(0),
  updatedAt: at('updated_at').notNull().defaultNow(),
});
