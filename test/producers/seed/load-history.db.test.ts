import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadHistory } from '../../../producers/seed/load-history.ts';
import { decisionIdsOf, requestSuffix, seedHistory } from '../../../producers/seed/seeded-requests.ts';
import { connectForBulk, type BulkConnection } from '../../../shared/db/copy-rows.ts';
import { ensureEventPartitions } from '../../../shared/db/event-partitions.ts';
import { findSeeded, removeSeeded } from '../../../shared/db/seeded-rows.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
let connection: BulkConnection;
const untilMs = Math.floor(Date.now() / 86_400_000) * 86_400_000;
const markOf = (seed: number) => ({ requestSuffix: requestSuffix(seed), decisions: decisionIdsOf(seed) });

beforeAll(async () => {
  database = await createTestDatabase();
  connection = await connectForBulk(database.url);
  await ensureEventPartitions(connection, 1, 31);
});
afterAll(async () => {
  await connection.end();
  await database.drop();
});

const inTransaction = async <T>(work: () => Promise<T>): Promise<T> => {
  await connection.query('begin');
  const result = await work();
  await connection.query('commit');
  return result;
};
const load = (seed: number, messages: number) =>
  inTransaction(() => loadHistory(connection, seedHistory({ messages, seed, untilMs }), () => undefined));

// Everything but when a row was touched last.
const contents = async (): Promise<Record<string, unknown>> => {
  const tables: Readonly<Record<string, string>> = {
    requests: 'id',
    messages: 'id',
    attempts: 'message_id, number',
    events: 'esp, event_day, event_hash',
    esp_statistics: 'account_id, minute, esp, mailbox_provider, batch_id',
    esp_totals: 'account_id, esp, mailbox_provider',
    weight_decisions: 'id',
    domain_counters: 'domain',
  };
  const found: Record<string, unknown> = {};
  for (const [table, order] of Object.entries(tables)) {
    const { rows } = await connection.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) - 'updated_at' - 'verdict_before' - 'verdict_changes' - 'first_bounce_at' as row from ${table} t order by ${order}`,
    );
    found[table] = rows.map(({ row }) => row);
  }
  return found;
};

describe('a loaded history', () => {
  test('has totals that its messages and its statistics add up to, and events in the partition of their day', async () => {
    const written = await load(1, 3_000);
    expect(written['messages']).toBe(3_000);
    const sums = `sum(sent) as sent, sum(delivered) as delivered, sum(opened) as opened, sum(bounced) as bounced`;
    const totals = (await connection.query(`select ${sums} from esp_totals`)).rows[0];
    expect((await connection.query(`select ${sums} from esp_statistics`)).rows[0]).toEqual(totals);
    const { rows } = await connection.query(
      `select count(*) filter (where status <> 'failed') as sent,
              (select count(distinct message_id) from events where type = 'delivered') as delivered,
              count(*) filter (where opens > 0) as opened,
              (select count(distinct message_id) from events where type = 'bounced') as bounced
       from messages`,
    );
    expect(rows[0]).toEqual(totals);
    expect((await connection.query('select from events_default')).rows).toHaveLength(0);
  });

  test('is found again, and removed without touching what others counted', async () => {
    const before = await contents();
    await load(2, 2_000);
    expect(await findSeeded(connection, markOf(2))).toMatchObject({ messages: 2_000 });
    expect(await contents()).not.toEqual(before);

    expect(await inTransaction(() => removeSeeded(connection, markOf(2)))).toBe(2_000);
    expect(await findSeeded(connection, markOf(2))).toBeUndefined();
    expect(await contents()).toEqual(before);
  });
});
