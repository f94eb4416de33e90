// Where accounts want to hear what became of their mail, and every call that is made for it.
import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { at } from './columns.ts';

/** `secret` is sealed, and so is the one before it, which signs beside it until its time is over. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    url: text('url').notNull(),
    description: text('description').notNull().default(''),
    events: text('events').array().notNull(),
    batched: boolean('batched').notNull().default(false),
    secret: text('secret').notNull(),
    oldSecret: text('old_secret'),
    oldSecretUntil: at('old_secret_until'),
    enabled: boolean('enabled').notNull().default(true),
    /** Since when no call has succeeded; null once one does. */
    failingSince: at('failing_since'),
    disabledAt: at('disabled_at'),
    disabledReason: text('disabled_reason'),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [index('webhook_endpoints_account').on(table.accountId, table.id)],
);

/**
 * One row a call. `events` names messages and their states, not their addresses: those are read when the call is made, so
 * that who is erased is erased here too. `attempts` is what every try met.
 */
export const webhookCalls = pgTable(
  'webhook_calls',
  {
    id: text('id').primaryKey(),
    endpointId: text('endpoint_id').notNull(),
    accountId: text('account_id').notNull(),
    /** The header of the same name. */
    webhookId: text('webhook_id').notNull(),
    type: text('type').notNull(),
    events: jsonb('events').notNull(),
    state: text('state').notNull().default('due'),
    /** Since it was made or last replayed. */
    tries: integer('tries').notNull().default(0),
    attempts: jsonb('attempts').notNull().default([]),
    dueAt: at('due_at').notNull().defaultNow(),
    leaseToken: uuid('lease_token'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [
    index('webhook_calls_due')
      .on(table.endpointId, table.dueAt)
      .where(sql`state = 'due'`),
    index('webhook_calls_endpoint').on(table.endpointId, table.createdAt, table.id),
    index('webhook_calls_created').on(table.createdAt),
  ],
);
