// What keeps the fleet exact and reachable: domain counters, the offset fence, dead letters, outbox.
import { sql } from 'drizzle-orm';
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
  uuid,
} from 'drizzle-orm/pg-core';
import { at, bytea, count } from './columns.ts';

export const domainCounters = pgTable(
  'domain_counters',
  {
    domain: text('domain').primaryKey(),
    delivered: count('delivered'),
    bounced: count('bounced'),
    firstBounceAt: at('first_bounce_at'),
    updatedAt: at('updated_at').notNull().defaultNow(),
    /** By the fleet's threshold (`domain_rule`); written with the counters, in one statement. */
    verdict: text('verdict').notNull().default('unknown'),
    /** What it was before the row was last written; null for a new row. */
    verdictBefore: text('verdict_before'),
    /** How often it has changed: names a change, and orders them. */
    verdictChanges: integer('verdict_changes').notNull().default(0),
  },
  // Neither changes when a counter does, so counting stays on the page. By the end of the name: for what lies below a domain.
  (table) => [
    index('domain_counters_verdict').on(table.verdict, sql`${table.domain} collate "C"`),
    index('domain_counters_verdict_end').on(table.verdict, sql`reverse(${table.domain}) collate "C"`),
  ],
);

/** How many domains have which verdict: the sum over the rows. A row a partition, so that no two writers want the same one. */
export const domainTotals = pgTable('domain_totals', {
  shard: integer('shard').primaryKey(),
  catchAll: count('catch_all'),
  notCatchAll: count('not_catch_all'),
  unknown: count('unknown'),
});

/** By which threshold the stored verdicts were judged. One row; none until the first process that counts has judged. */
export const domainRule = pgTable('domain_rule', {
  name: text('name').primaryKey(),
  deliveredThreshold: bigint('delivered_threshold', { mode: 'number' }).notNull(),
  judgedAt: at('judged_at').notNull().defaultNow(),
});

/** Up to which of its records a producer was counted, by partition: what it sent twice has a lower number. */
export const producerMarks = pgTable(
  'producer_marks',
  {
    topic: text('topic').notNull(),
    topicEpoch: text('topic_epoch').notNull(),
    partition: integer('partition').notNull(),
    producer: uuid('producer').notNull(),
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.topic, table.topicEpoch, table.partition, table.producer] })],
);

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
    /** When it last went back to its topic; null again when it failed once more. */
    replayedAt: at('replayed_at'),
    replays: integer('replays').notNull().default(0),
    /** Its payload and headers are gone then; the row stays, so that a repeat of the record brings nothing back. */
    discardedAt: at('discarded_at'),
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
  /** When the sweeper may publish them: later than its writer, who does it at once if it can. */
  dueAt: at('due_at').notNull().defaultNow(),
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

/** How far the reconciler has come: all requests up to this one were counted. One row. */
export const reconcilerCursor = pgTable('reconciler_cursor', {
  name: text('name').primaryKey(),
  createdAt: at('created_at').notNull(),
  requestId: text('request_id').notNull(),
});

/** Requests whose rows did not add up when they were counted; they are counted again until they do. */
export const unevenRequests = pgTable('uneven_requests', {
  requestId: text('request_id').primaryKey(),
  noticedAt: at('noticed_at').notNull().defaultNow(),
  reason: text('reason').notNull(),
});

/** Recipients that are being erased. The address stays until all is done, its hash for good: it proves what was done. */
export const erasures = pgTable('erasures', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  /** Whose mail is meant; null for everybody's. */
  accountId: text('account_id'),
  email: text('email'),
  emailHash: bytea('email_hash').notNull(),
  requestedBy: text('requested_by').notNull(),
  requestedAt: at('requested_at').notNull().defaultNow(),
  /** How far copies and dead letters were looked through. */
  messageCursor: uuid('message_cursor'),
  letterCursor: bigint('letter_cursor', { mode: 'number' }).notNull().default(0),
  messages: integer('messages').notNull().default(0),
  copies: integer('copies').notNull().default(0),
  deadLetters: integer('dead_letters').notNull().default(0),
  doneAt: at('done_at'),
});
