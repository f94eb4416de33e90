// What goes out later or again and again: orders about requests, paced requests, schedules and the seed's tasks.
import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, primaryKey, smallint, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { at, count } from './columns.ts';

/** What an account has said of a request since it was accepted; its records obey whenever they are stored. */
export const requestOrders = pgTable(
  'request_orders',
  {
    accountId: text('account_id').notNull(),
    requestId: text('request_id').notNull(),
    isCancelled: boolean('is_cancelled').notNull().default(false),
    isPaused: boolean('is_paused').notNull().default(false),
    /** Not before this time, instead of what the request said; null: as it said. */
    sendAt: at('send_at'),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.requestId] }),
    index('request_orders_updated').on(table.updatedAt),
  ],
);

/** Requests that go out batch by batch: a recipient's batch follows from its position. */
export const pacedRequests = pgTable(
  'paced_requests',
  {
    requestId: text('request_id').primaryKey(),
    accountId: text('account_id').notNull(),
    size: integer('size').notNull(),
    intervalSeconds: integer('interval_seconds').notNull(),
    total: integer('total').notNull(),
    /** The batch that is next, from 1. */
    nextNumber: integer('next_number').notNull().default(1),
    /** When it is; null when there is none, or nobody may start it. */
    nextAt: at('next_at'),
    /** When it would be, were the request not paused. */
    heldAt: at('held_at'),
  },
  (table) => [
    index('paced_requests_next')
      .on(table.nextAt)
      .where(sql`next_at is not null`),
  ],
);

/** Batches that were started, each with the weights that it was sent by. */
export const requestBatches = pgTable(
  'request_batches',
  {
    requestId: text('request_id').notNull(),
    number: integer('number').notNull(),
    at: at('at').notNull().defaultNow(),
    window: text('window').notNull(),
    weights: jsonb('weights').$type<Record<string, number>>().notNull(),
    split: jsonb('split').$type<Record<string, number>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.requestId, table.number] })],
);

/** Mail that is sent again and again: schedules of /v1, and what the tasks seed's clients subscribed to. */
export const schedules = pgTable(
  'schedules',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    name: text('name').notNull().default(''),
    cron: text('cron').notNull(),
    zone: text('zone').notNull(),
    /** What is sent, as `POST /v1/emails` takes it; without its texts where `content_type` names them. */
    email: jsonb('email').notNull(),
    /** Named content that is read when it is due. */
    contentType: text('content_type'),
    /** Whose subscription it is, in lower case; null for schedules of /v1. */
    subscriber: text('subscriber'),
    /** When it is due next; null while it is paused, or when it never is again. */
    nextAt: at('next_at'),
    isPaused: boolean('is_paused').notNull().default(false),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('schedules_next')
      .on(table.nextAt)
      .where(sql`next_at is not null`),
    index('schedules_account').on(table.accountId, table.id),
    uniqueIndex('schedules_subscription')
      .on(table.accountId, table.subscriber, table.contentType)
      .where(sql`subscriber is not null`),
  ],
);

/** Firings, each once: the request of one follows from its schedule and its time. */
export const scheduleRuns = pgTable(
  'schedule_runs',
  {
    scheduleId: text('schedule_id').notNull(),
    dueAt: at('due_at').notNull(),
    firedAt: at('fired_at').notNull().defaultNow(),
    /** Null: nothing was sent, for the reason beside it. */
    requestId: text('request_id'),
    reason: text('reason'),
  },
  (table) => [primaryKey({ columns: [table.scheduleId, table.dueAt] }), index('schedule_runs_fired').on(table.firedAt)],
);

/** Named content of an account, for subscriptions and schedules. */
export const contents = pgTable(
  'contents',
  {
    accountId: text('account_id').notNull(),
    contentType: text('content_type').notNull(),
    subject: text('subject').notNull(),
    /** HTML. */
    content: text('content').notNull(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.contentType] })],
);

/** Tasks of the seed, each done once whatever Kafka repeats. */
export const tasks = pgTable(
  'tasks',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    /** `waiting`, `done` or `failed`. */
    state: text('state').notNull(),
    attempts: smallint('attempts').notNull(),
    /** What is published again when it is due; null once it is over. */
    record: jsonb('record'),
    dueAt: at('due_at'),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('tasks_due')
      .on(table.dueAt)
      .where(sql`state = 'waiting'`),
    index('tasks_over').on(table.updatedAt),
  ],
);

/** How many tasks were tried and how they ended; the sum over the shards. */
export const taskCounts = pgTable('task_counts', {
  shard: smallint('shard').primaryKey(),
  executed: count('executed'),
  successful: count('successful'),
  failed: count('failed'),
});

/** Ids that signed up for a key of the tasks seed. */
export const signUps = pgTable(
  'sign_ups',
  {
    /** As it was given, in lower case. */
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    /** Id of its token: another one's is no key of ours. */
    keyId: text('key_id').notNull(),
    /** `pending` or `active`. */
    state: text('state').notNull(),
    /** When it was last mailed about. */
    mailedAt: at('mailed_at'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [uniqueIndex('sign_ups_key').on(table.keyId)],
);
