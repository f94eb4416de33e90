// What keeps the fleet exact and reachable: domain counters, the offset fence, dead letters, outbox.
import {
  bigint,
  bigserial,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { at, bytea, count } from './columns.ts';

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
