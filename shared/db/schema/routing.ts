// What is learned: statistics, the history of weights, the health of ESPs.
import { bigint, bigserial, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { at, count } from './columns.ts';

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
    /** Calls that no later call can mend: refused credentials, a suspended account. */
    fatal: count('fatal'),
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
