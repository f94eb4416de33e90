// What is learned: statistics, the history of weights, the health of ESPs.
import {
  bigint,
  bigserial,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
} from 'drizzle-orm/pg-core';
import { at, count } from './columns.ts';

const outcomeCounts = {
  sent: count('sent'),
  delivered: count('delivered'),
  opened: count('opened'),
  clicked: count('clicked'),
  bounced: count('bounced'),
  complained: count('complained'),
  failed: count('failed'),
  /** Those of the delivered whose domain is a catch-all. */
  catchAll: count('catch_all'),
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

/** The same for the last quarter of an hour by the tenth of a second: which of the young mail is old enough to count. */
export const espCohorts = pgTable(
  'esp_cohorts',
  {
    accountId: text('account_id').notNull(),
    esp: text('esp').notNull(),
    mailboxProvider: text('mailbox_provider').notNull(),
    sentAt: at('sent_at').notNull(),
    ...outcomeCounts,
  },
  (table) => [primaryKey({ columns: [table.accountId, table.sentAt, table.esp, table.mailboxProvider] })],
);

/** How long outcomes took to become known, faded: what tells a lost message from one that is under way. */
export const outcomeDelays = pgTable(
  'outcome_delays',
  {
    esp: text('esp').notNull(),
    bucket: integer('bucket').notNull(),
    count: doublePrecision('count').notNull(),
    minMs: integer('min_ms').notNull(),
    maxMs: integer('max_ms').notNull(),
    /** When the earliest message was sent whose outcome is among them. */
    since: at('since').notNull(),
  },
  (table) => [primaryKey({ columns: [table.esp, table.bucket] })],
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

/**
 * The history of weights. `counter` counts the requests of one recipient that followed it. What a person reads (`weights`, `evidence`) is summed up; `basis` holds every number behind it.
 */
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
    /** By mailbox provider, then by ESP. */
    providerWeights: jsonb('provider_weights').$type<Record<string, Record<string, number>>>(),
    basis: jsonb('basis'),
    /** Running totals at the time, for the next batch: what came since is their difference. */
    totals: jsonb('totals'),
    counter: count('counter'),
    decidedAt: at('decided_at').notNull().defaultNow(),
  },
  (table) => [index('weight_decisions_latest').on(table.accountId, table.batchId, table.id)],
);

/** What each ESP is owed of an account's requests of one recipient: it outlives the decisions that they follow. */
export const singleCarries = pgTable('single_carries', {
  accountId: text('account_id').primaryKey(),
  carry: jsonb('carry').$type<Record<string, Record<string, number>>>().notNull().default({}),
});

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
  trips: integer('trips').notNull().default(0),
  changedRound: bigint('changed_round', { mode: 'number' }),
  /** The last round in which somebody took this ESP's probe. */
  probeRound: bigint('probe_round', { mode: 'number' }).notNull().default(-1),
  /** When it last did well after it had not: what waited for it may go then. */
  recoveredAt: at('recovered_at'),
  /** Until when it asked to be left alone. */
  restUntil: at('rest_until'),
  version: bigint('version', { mode: 'number' }).notNull(),
  updatedAt: at('updated_at').notNull().defaultNow(),
});

/** What operators decided about an ESP. An ESP without a row is active and has no limits of its own. */
export const espControls = pgTable('esp_controls', {
  esp: text('esp').primaryKey(),
  mode: text('mode').notNull().default('active'),
  perSecond: integer('per_second'),
  perDay: bigint('per_day', { mode: 'number' }),
  perMonth: bigint('per_month', { mode: 'number' }),
  /** The ramp plan of a new ESP: most of all mail in percent, so much more every day, and when it last grew. */
  ramp: jsonb('ramp'),
  updatedAt: at('updated_at').notNull().defaultNow(),
});

/** Who changed what about an ESP, and why; never changed itself. */
export const espAudit = pgTable(
  'esp_audit',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    esp: text('esp').notNull(),
    action: text('action').notNull(),
    accountId: text('account_id').notNull(),
    reason: text('reason'),
    before: jsonb('before'),
    after: jsonb('after'),
    at: at('at').notNull().defaultNow(),
  },
  (table) => [index('esp_audit_esp').on(table.esp, table.id)],
);

/** What the fleet has spent of an ESP's budgets: messages by day and month, and the tokens of its rate. */
export const espBudgets = pgTable(
  'esp_budgets',
  {
    esp: text('esp').notNull(),
    /** `second` (a token bucket), `day` or `month`. */
    period: text('period').notNull(),
    /** Beginning of the day or month; of the bucket when it was last filled. */
    since: at('since').notNull(),
    spent: doublePrecision('spent').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.esp, table.period] })],
);
