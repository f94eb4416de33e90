// What is sent: requests, their messages, every attempt, and what ESPs told. `events` is partitioned by day, which
// drizzle-kit cannot write: its PARTITION BY stands in the first migration by hand, and a test holds these files to the
// database.
import {
  bigint,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import { at } from './columns.ts';

/** One row a request: what its recipients share, and the weight decision that its records share. */
export const requests = pgTable(
  'requests',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    lane: text('lane').notNull(),
    class: text('class').notNull(),
    policy: text('policy').notNull(),
    total: integer('total').notNull(),
    batchId: text('batch_id'),
    esps: text('esps').array(),
    content: jsonb('content').notNull(),
    /** Domain of `from`; null in rows of older versions. */
    senderDomain: text('sender_domain'),
    /** The list that its recipients can unsubscribe from. */
    list: text('list'),
    /** The stored template it is made of, in the version that it met. */
    templateId: text('template_id'),
    templateVersion: integer('template_version'),
    decisionId: bigint('decision_id', { mode: 'number' }),
    weights: jsonb('weights').$type<Record<string, number>>(),
    split: jsonb('split').$type<Record<string, number>>(),
    /** The split by mailbox provider, then by ESP; what its parts are cut from. */
    plan: jsonb('plan').$type<Record<string, Record<string, number>>>(),
    /** Recipients a batch; null for a request that goes out at once. */
    batchSize: integer('batch_size'),
    createdAt: at('created_at').notNull().defaultNow(),
    /** When texts, attachments and variables were removed for good. */
    bodyPurgedAt: at('body_purged_at'),
  },
  (table) => [
    // The reconciler reads all of them once, in this order, and so does what purges bodies.
    index('requests_with_body')
      .on(table.createdAt, table.id)
      .where(sql`body_purged_at is null`),
    index('requests_account_created').on(table.accountId, table.createdAt),
    // Asked before a decision is removed.
    index('requests_decision').on(table.decisionId),
    index('requests_heavy')
      .on(table.createdAt)
      .where(sql`content ? 'contentRef'`),
  ],
);

/** One row a recipient. `attempt`, `esp`, `lease_token` and `claimed_at` are those of the latest attempt. */
export const messages = pgTable(
  'messages',
  {
    id: uuid('id').primaryKey(),
    requestId: text('request_id').notNull(),
    accountId: text('account_id').notNull(),
    position: integer('position').notNull(),
    email: text('email').notNull(),
    name: text('name'),
    data: jsonb('data'),
    mailboxProvider: text('mailbox_provider').notNull(),
    batchId: text('batch_id').notNull().default(''),
    status: text('status').notNull(),
    esp: text('esp').notNull(),
    attempt: smallint('attempt').notNull().default(0),
    leaseToken: uuid('lease_token'),
    leaseUntil: at('lease_until'),
    dueAt: at('due_at'),
    /** When it would be due, were its request not paused. */
    heldDueAt: at('held_due_at'),
    claimedAt: at('claimed_at'),
    /** The attempt of which nobody knows whether it was sent, and the lease it was made under; null when there is none. */
    unsureAttempt: smallint('unsure_attempt'),
    unsureToken: uuid('unsure_token'),
    duplicateSuspected: boolean('duplicate_suspected').notNull().default(false),
    providerMessageId: text('provider_message_id'),
    reason: text('reason'),
    opens: integer('opens').notNull().default(0),
    clicks: integer('clicks').notNull().default(0),
    unsubscribedAt: at('unsubscribed_at'),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('messages_request').on(table.requestId, table.position),
    // People write addresses in any case.
    index('messages_recipient').on(sql`lower(${table.email})`),
    index('messages_created').on(table.createdAt, table.id),
    index('messages_leased')
      .on(table.leaseUntil)
      .where(sql`status = 'sending'`),
    index('messages_due')
      .on(table.dueAt)
      .where(sql`status in ('queued', 'scheduled', 'unknown')`),
  ],
);

/** Finished attempts; the one under way stands in its message's row. */
export const attempts = pgTable(
  'attempts',
  {
    messageId: uuid('message_id').notNull(),
    number: smallint('number').notNull(),
    esp: text('esp').notNull(),
    state: text('state').notNull(),
    startedAt: at('started_at').notNull(),
    finishedAt: at('finished_at').notNull(),
    providerMessageId: text('provider_message_id'),
    error: text('error'),
  },
  (table) => [primaryKey({ columns: [table.messageId, table.number] })],
);

/**
 * Calls of ESPs that know their own repeats, written before they are made: made again with the same messages in the same
 * order, such a call mails nobody twice. Kept for as long as the ESP remembers it.
 */
export const espCalls = pgTable(
  'esp_calls',
  {
    id: uuid('id').primaryKey(),
    esp: text('esp').notNull(),
    leaseToken: uuid('lease_token').notNull(),
    messageIds: uuid('message_ids').array().notNull(),
    attempts: smallint('attempts').array().notNull(),
    madeAt: at('made_at').notNull().defaultNow(),
  },
  (table) => [index('esp_calls_lease').on(table.leaseToken), index('esp_calls_made').on(table.madeAt)],
);

/** What ESPs told, once each. */
export const events = pgTable(
  'events',
  {
    esp: text('esp').notNull(),
    eventDay: date('event_day').notNull(),
    eventHash: uuid('event_hash').notNull(),
    messageId: uuid('message_id'),
    type: text('type').notNull(),
    at: at('at').notNull(),
    domain: text('domain').notNull(),
    bounceClass: text('bounce_class'),
    machine: boolean('machine').notNull().default(false),
    reason: text('reason'),
    raw: jsonb('raw'),
    storedAt: at('stored_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.esp, table.eventDay, table.eventHash] }),
    index('events_message').on(table.messageId),
  ],
);
