import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { NewMessage } from '../../../shared/db/claim-messages.ts';
import { connectPostgres, type Database, type Pool } from '../../../shared/db/connect.ts';
import type { NewRequest } from '../../../shared/db/requests.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';

const tables = [
  'reconciler_cursor',
  'uneven_requests',
  'attempts',
  'suppression_pulls',
  'contents',
  'code_counts',
  'one_time_codes',
  'consumer_offsets',
  'dead_letters',
  'erasures',
  'domain_counters',
  'domain_rule',
  'domain_totals',
  'esp_audit',
  'esp_budgets',
  'esp_cohorts',
  'esp_controls',
  'esp_health',
  'esp_rounds',
  'esp_statistics',
  'esp_totals',
  'events',
  'idempotency_keys',
  'messages',
  'outbox',
  'outcome_delays',
  'producer_marks',
  'paced_requests',
  'request_batches',
  'request_orders',
  'requests',
  'schedule_runs',
  'schedules',
  'sign_ups',
  'task_counts',
  'tasks',
  'single_carries',
  'suppressions',
  'template_versions',
  'templates',
  'webhook_calls',
  'webhook_endpoints',
  'weight_decisions',
];

/** A database for the tests of one file, empty before each of them. */
export const useDatabase = (): { readonly pool: Pool; readonly url: string } => {
  let database: TestDatabase | undefined;
  let pool: Pool | undefined;
  const opened = (): { readonly database: TestDatabase; readonly pool: Pool } => {
    if (database === undefined || pool === undefined) throw new Error('the database is open only while tests run');
    return { database, pool };
  };
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = connectPostgres(database.url, 20, () => undefined);
  });
  beforeEach(() => opened().pool.query(`truncate ${tables.join(', ')}`));
  afterAll(async () => {
    await pool?.end();
    await database?.drop();
  });
  return {
    get pool() {
      return opened().pool;
    },
    get url() {
      return opened().database.url;
    },
  };
};

/** A transaction that stays open until the test says otherwise. */
export const openTransaction = async (pool: Pool): Promise<{ readonly db: Database; commit(): Promise<void> }> => {
  let finish = (): void => undefined;
  const isFinished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let ended: Promise<void> = Promise.resolve();
  const db = await new Promise<Database>((resolve, reject) => {
    ended = pool.transaction(async (inside) => {
      resolve(inside);
      await isFinished;
    });
    ended.catch(reject);
  });
  return {
    db,
    commit: () => {
      finish();
      return ended;
    },
  };
};

/** How many backends of this database wait for a lock. */
export const waitingBackends = async (pool: Pool): Promise<number> => {
  const { rows } = await pool.query<{ n: string }>(
    `select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return Number(rows[0]?.n ?? 0);
};

export const aRequest = (id: string, more: Partial<NewRequest> = {}): NewRequest => ({
  id,
  accountId: 'admin',
  lane: 'email-send',
  class: 'transactional',
  policy: 'at-least-once',
  total: 1,
  batchId: null,
  esps: null,
  content: { from: 'news@acme.example', text: 'Hi' },
  ...more,
});

export const aMessage = (more: Partial<NewMessage> = {}): NewMessage => ({
  id: randomUUID(),
  requestId: 'req_1',
  accountId: 'admin',
  position: 0,
  email: 'ann@example.org',
  name: null,
  data: null,
  mailboxProvider: 'other',
  batchId: '',
  esp: 'sendgrid',
  sendAt: null,
  leaseMs: 60_000,
  ...more,
});

export interface StoredMessage {
  readonly status: string;
  readonly esp: string;
  readonly attempt: number;
  readonly lease_token: string | null;
  readonly duplicate_suspected: boolean;
  readonly provider_message_id: string | null;
  readonly reason: string | null;
  readonly opens: number;
  readonly clicks: number;
  readonly unsubscribed_at: Date | null;
  /** Milliseconds from now, by Postgres's clock. */
  readonly due_in_ms: number | null;
  readonly leased_for_ms: number | null;
}

/** A message as it stands in the table. */
export const storedMessage = async (db: Database, id: string): Promise<StoredMessage> => {
  const { rows } = await db.query<StoredMessage & { id: string }>(
    `select *, (extract(epoch from due_at - now()) * 1000)::float8 as due_in_ms,
            (extract(epoch from lease_until - now()) * 1000)::float8 as leased_for_ms from messages where id = $1`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`no message ${id}`);
  return row;
};

/** Changes a message behind the product's back: `set` is SQL. */
export const alterMessage = async (db: Database, id: string, set: string): Promise<void> => {
  await db.query(`update messages set ${set} where id = $1`, [id]);
};

const counted = ['sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'failed', 'catch_all'] as const;

/** The running totals of an account by ESP, of all mailbox providers, settled or not. */
export const storedTotals = async (
  db: Database,
  accountId = 'admin',
): Promise<Record<string, Record<(typeof counted)[number], number>>> => {
  const { rows } = await db.query<Record<(typeof counted)[number], number> & { esp: string }>(
    `select esp, ${counted.map((name) => `sum(${name})::int as ${name}`).join(', ')} from esp_totals
     where account_id = $1 group by esp order by esp`,
    [accountId],
  );
  return Object.fromEntries(rows.map(({ esp, ...counts }) => [esp, counts]));
};
