/**
 * The tables, as the migrations make them. `events` is partitioned by day, which drizzle-kit cannot write: its
 * PARTITION BY stands in the first migration by hand, and a test holds this file to the database.
 */
import {
  bigint,
  bigserial,
  boolean,
  customType,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

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
    decisionId: bigint('decision_id', { mode: 'number' }),
    weights: jsonb('weights').$type<Record<string, number>>(),
    split: jsonb('split').$type<Record<string, number>>(),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [index('requests_account_created').on(table.accountId, table.createdAt)],
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
    claimedAt: at('claimed_at'),
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
    index('messages_email').on(table.email),
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

const outcomeCounts = {
  sent: count('sent'),
  delivered: count('delivered'),
  opened: count('opened'),
  clicked: count('clicked'),
  bounced: count('bounced'),
  complained: count('complained'),
  failed: count('failed'),
};

/** Outcomes by the minute in which their messages were sent. */
export const espStatistics = pgTable(
  'esp_statistics',
  {
    accountId: text('account_id').notNull(),
    esp: text('esp').notNull(),
    mailboxProvider: text('mailbox_provider').notNull(),
    batchId: text('batch_id').notNull(),
    minute: at('minute').notNull(),
    ...outcomeCounts,
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.minute, table.esp, table.mailboxProvider, table.batchId] }),
  ],
);

/** Running totals, to which "since the last batch" is the difference. */
export const espTotals = pgTable(
  'esp_totals',
  {
    accountId: text('account_id').notNull(),
    esp: text('esp').notNull(),
    mailboxProvider: text('mailbox_provider').notNull(),
    ...outcomeCounts,
  },
  (table) => [primaryKey({ columns: [table.accountId, table.esp, table.mailboxProvider] })],
);

/** The history of weights. `counter` hands out positions to requests of one recipient. */
export const weightDecisions = pgTable(
  'weight_decisions',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    accountId: text('account_id').notNull(),
    /** Empty: the standing decision for requests without a batch. */
    batchId: text('batch_id').notNull().default(''),
    window: text('window').notNull(),
    policy: text('policy').notNull(),
    reason: text('reason').notNull(),
    weights: jsonb('weights').$type<Record<string, number>>().notNull(),
    evidence: jsonb('evidence').notNull(),
    totals: jsonb('totals'),
    counter: count('counter'),
    decidedAt: at('decided_at').notNull().defaultNow(),
  },
  (table) => [index('weight_decisions_latest').on(table.accountId, table.batchId, table.id)],
);

/** Good and bad calls per ESP and round of the health rule. */
export const espRounds = pgTable(
  'esp_rounds',
  {
    esp: text('esp').notNull(),
    round: bigint('round', { mode: 'number' }).notNull(),
    good: count('good'),
    bad: count('bad'),
    lastError: text('last_error'),
  },
  (table) => [primaryKey({ columns: [table.esp, table.round] })],
);

export const espHealth = pgTable('esp_health', {
  esp: text('esp').primaryKey(),
  state: text('state').notNull(),
  goodRounds: integer('good_rounds').notNull(),
  badRounds: integer('bad_rounds').notNull(),
  lastRound: bigint('last_round', { mode: 'number' }).notNull(),
  lastError: text('last_error'),
  version: bigint('version', { mode: 'number' }).notNull(),
  updatedAt: at('updated_at').notNull().defaultNow(),
});

export const domainCounters = pgTable('domain_counters', {
  domain: text('domain').primaryKey(),
  delivered: count('delivered'),
  bounced: count('bounced'),
  firstBounceAt: at('first_bounce_at'),
  updatedAt: at('updated_at').notNull().defaultNow(),
});

/** The offset fence: which record is the next to be counted, in the transaction that counts it. */
export const consumerOffsets = pgTable(
  'consumer_offsets',
  {
    groupId: text('group_id').notNull(),
    topic: text('topic').notNull(),
    topicEpoch: text('topic_epoch').notNull(),
    partition: integer('partition').notNull(),
    nextOffset: bigint('next_offset', { mode: 'bigint' }).notNull(),
    lastTimestamp: bigint('last_timestamp', { mode: 'number' }).notNull(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.groupId, table.topic, table.topicEpoch, table.partition] })],
);

export const deadLetters = pgTable(
  'dead_letters',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    topic: text('topic').notNull(),
    partition: integer('partition').notNull(),
    offset: bigint('offset', { mode: 'bigint' }).notNull(),
    epoch: text('epoch').notNull(),
    consumer: text('consumer').notNull(),
    code: text('code').notNull(),
    reason: text('reason').notNull(),
    attempts: integer('attempts').notNull(),
    recordKey: text('record_key'),
    headers: jsonb('headers').notNull(),
    payload: bytea('payload').notNull(),
    firstFailedAt: at('first_failed_at').notNull(),
    storedAt: at('stored_at').notNull().defaultNow(),
    replayedAt: at('replayed_at'),
  },
  (table) => [
    uniqueIndex('dead_letters_origin').on(table.topic, table.partition, table.offset, table.epoch),
    index('dead_letters_group').on(table.topic, table.code),
  ],
);

/** Records to be published, written in the transaction that decided them. */
export const outbox = pgTable('outbox', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  records: jsonb('records').notNull(),
  createdAt: at('created_at').notNull().defaultNow(),
});

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    accountId: text('account_id').notNull(),
    keyHash: bytea('key_hash').notNull(),
    bodyHash: bytea('body_hash').notNull(),
    requestId: text('request_id').notNull(),
    isDone: boolean('is_done').notNull().default(false),
    lockedUntil: at('locked_until').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.keyHash] })],
);

export const apiKeys = pgTable(
  'api_keys',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    prefix: text('prefix').notNull(),
    secretHash: bytea('secret_hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at'),
    lastUsedAt: at('last_used_at'),
    revokedAt: at('revoked_at'),
  },
  (table) => [uniqueIndex('api_keys_secret').on(table.secretHash)],
);
