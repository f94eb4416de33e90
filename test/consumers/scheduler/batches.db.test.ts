// Paced batches: the scheduler's ticker, the door's records and a sender on the same tables.
import { describe, expect, it } from '@jest/globals';
import { batchTicker } from '../../../consumers/scheduler/ticker-batches.ts';
import { accept } from '../../../shared/domain/accept.ts';
import { emailRecord, type EmailRequest, type SendRecord } from '../../../shared/contracts/email.ts';
import { reconcileNext, recheckUneven } from '../../../shared/db/completeness.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { loadBatches, startNextBatch } from '../../../shared/db/paced-requests.ts';
import { orderRequest } from '../../../shared/db/request-orders.ts';
import { seedDelays } from '../../../shared/db/seeded-rows.ts';
import { addStatistics } from '../../../shared/db/statistics.ts';
import { countStates } from '../../../shared/db/read-messages.ts';
import { loadRequests } from '../../../shared/db/requests.ts';
import { apportion } from '../../../shared/domain/apportion.ts';
import { useDatabase } from '../../shared/db/tables.ts';
import { aSender, weighing } from '../email-send/a-sender.ts';

const database = useDatabase();
const domains = ['gmail.com', 'outlook.com', 'corp.example'];
const recordsOf = (count: number, size: number, more: Partial<EmailRequest> = {}, id = 'req_p'): SendRecord[] => {
  const recipients = Array.from({ length: count }, (_, n) => ({ email: `u${n}@${domains[n % 3] ?? ''}` }));
  const request = {
    from: 'news@acme.example',
    text: 'Hi',
    recipients,
    batch: { id: 'spring', size, intervalSeconds: 60 },
  };
  const acceptance = accept({ ...request, ...more }, { accountId: 'admin', requestId: id });
  if (!acceptance.ok) throw new Error('too large');
  return acceptance.accepted.records.map(({ value }) => emailRecord.parse(JSON.parse(value)));
};
const tick = (pool: Pool = database.pool) => batchTicker({ pool, weighing }).tick();
const passInterval = () =>
  database.pool.query(`update paced_requests set next_at = now() where next_at is not null`).then(() => undefined);
const counts = () => countStates(database.pool, 'req_p');
const batches = () => loadBatches(database.pool, 'req_p');
const sumOf = (split: Readonly<Record<string, number>>) => Object.values(split).reduce((sum, n) => sum + n, 0);

describe('A paced request', () => {
  it('of 10,000 recipients goes out batch by batch, whatever order its parts come in, each message once', async () => {
    const sender = aSender(database.pool);
    const records = recordsOf(10_000, 3_000);
    const [first, ...others] = [...records].reverse();
    if (first === undefined) throw new Error('no records');
    await sender.handle([first]);
    await tick();
    expect(await batches()).toEqual([]);
    await passInterval();
    for (const record of others) await sender.handle([record]);
    expect([sender.sent.length, await counts()]).toEqual([0, { scheduled: 10_000 }]);

    for (let number = 1; number <= 4; number += 1) {
      await passInterval();
      await tick();
      await tick();
      await sender.handleDue();
      expect(sender.sent).toHaveLength(Math.min(10_000, number * 3_000));
      expect(await batches()).toHaveLength(number);
    }
    await passInterval();
    expect(await tick()).toBe(false);
    expect(new Set(sender.sent.map(({ messageId }) => messageId)).size).toBe(10_000);
    const started = await batches();
    expect(started.map(({ window, split }) => [window, sumOf(split)])).toEqual([
      ['30d', 3_000],
      ['since-last-batch', 3_000],
      ['since-last-batch', 3_000],
      ['since-last-batch', 1_000],
    ]);
    for (const { split, weights } of started) expect(split).toEqual(apportion(sumOf(split), weights));
    const { rows } = await database.pool.query<{ number: number; esp: string; n: number }>(
      `select position / 3000 + 1 as number, esp, count(*)::int as n from messages group by 1, 2`,
    );
    for (const { number, esp, n } of rows) expect(started[number - 1]?.split[esp]).toBe(n);
    const stored = (await loadRequests(database.pool, ['req_p'], { withContent: false })).get('req_p');
    expect([stored?.weights, sumOf(stored?.split ?? {})]).toEqual([started[3]?.weights, 10_000]);
  });

  it('is started once however many schedulers there are, and by the next when one dies in the middle', async () => {
    const sender = aSender(database.pool);
    await sender.handle(recordsOf(20, 10));
    await expect(
      startNextBatch(database.pool, () => Promise.reject(new Error('killed before it had decided'))),
    ).rejects.toThrow('killed');
    const dying: Pool = {
      ...database.pool,
      transaction: (work) =>
        database.pool.transaction(async (db) => {
          await work(db);
          throw new Error('killed before it had committed');
        }),
    };
    await expect(tick(dying)).rejects.toThrow('killed');
    expect([await batches(), await sender.handleDue()]).toEqual([[], 0]);
    await Promise.all(Array.from({ length: 6 }, () => tick()));
    expect([(await batches()).length, await counts()]).toEqual([1, { scheduled: 20 }]);
    expect(await sender.handleDue()).toBe(10);
    const decisions = await database.pool.query(`select from weight_decisions where batch_id = 'spring'`);
    expect(decisions.rowCount).toBe(1);
  });

  it('is weighed anew by what became known since the batch before', async () => {
    const sender = aSender(database.pool);
    await sender.handle(recordsOf(200, 100));
    await tick();
    await sender.handleDue();
    const hours = 3_600_000;
    await seedDelays(database.pool, weighing.esps, new Date(Date.now() - 31 * 24 * hours));
    const counted = { opened: 0, clicked: 0, complained: 0, failed: 0, catchAll: 0 };
    const outcomes = (esp: string, delivered: number) => ({
      ...{ accountId: 'admin', esp, mailboxProvider: 'gmail', batchId: '', minute: new Date(Date.now() - 2 * hours) },
      ...{ ...counted, sent: 1_000, delivered, opened: delivered / 2, bounced: 1_000 - delivered },
    });
    await addStatistics(database.pool, [outcomes('alpha', 980), outcomes('beta', 300)]);
    await passInterval();
    await tick();
    const [before, after] = await batches();
    expect(before?.weights).toEqual({ alpha: 500, beta: 500 });
    expect(after?.weights['alpha']).toBeGreaterThan(600);
    expect(after?.split).toEqual(apportion(100, after?.weights ?? {}));
  });

  it('can be paused and cancelled in the middle', async () => {
    const sender = aSender(database.pool);
    const request = { accountId: 'admin', requestId: 'req_p' };
    await sender.handle(recordsOf(30, 10));
    await tick();
    await orderRequest(database.pool, request, 'pause');
    await passInterval();
    expect([await tick(), await sender.handleDue()]).toEqual([false, 0]);
    await orderRequest(database.pool, request, 'resume');
    expect(await sender.handleDue()).toBe(10);
    await passInterval();
    await tick();
    expect(await sender.handleDue()).toBe(10);
    await orderRequest(database.pool, request, 'cancel');
    await passInterval();
    expect([await tick(), await sender.handleDue(), await counts()]).toEqual([false, 0, { sent: 20, cancelled: 10 }]);
    expect(await orderRequest(database.pool, request, 'resume')).toBe('over');
    expect((await batches()).map(({ number }) => number)).toEqual([1, 2]);
  });

  it('that was paused or cancelled before it was stored obeys', async () => {
    const sender = aSender(database.pool);
    await orderRequest(database.pool, { accountId: 'admin', requestId: 'req_p' }, 'pause');
    await orderRequest(database.pool, { accountId: 'admin', requestId: 'req_c' }, 'cancel');
    await sender.handle([...recordsOf(20, 10), ...recordsOf(20, 10, {}, 'req_c')]);
    expect([await tick(), await sender.handleDue()]).toEqual([false, 0]);
    expect(await countStates(database.pool, 'req_c')).toEqual({ cancelled: 20 });
    await orderRequest(database.pool, { accountId: 'admin', requestId: 'req_p' }, 'resume');
    await tick();
    expect(await sender.handleDue()).toBe(10);
  });

  it('begins at its time, and a move moves its next batch', async () => {
    const sender = aSender(database.pool);
    const request = { accountId: 'admin', requestId: 'req_p' };
    await sender.handle(recordsOf(20, 10, { sendAt: '2090-01-01T00:00:00Z' }));
    expect(await tick()).toBe(false);
    await orderRequest(database.pool, request, { sendAt: '2000-01-01T00:00:00Z' });
    await tick();
    expect(await sender.handleDue()).toBe(10);
    await orderRequest(database.pool, request, { sendAt: '2091-01-01T00:00:00Z' });
    expect(await tick()).toBe(false);
    const { rows } = await database.pool.query<{ next_at: Date }>('select next_at from paced_requests');
    expect(rows[0]?.next_at.toISOString()).toBe('2091-01-01T00:00:00.000Z');
  });

  it('adds up for the reconciler while it is under way', async () => {
    const sender = aSender(database.pool);
    await sender.handle(recordsOf(20, 10));
    await tick();
    await database.pool.query(`update requests set created_at = now() - interval '1 h'`);
    expect(await reconcileNext(database.pool, 10)).toBe(1);
    expect(await recheckUneven(database.pool, 10)).toEqual([]);
  });

  it('of named ESPs goes through those alone', async () => {
    const sender = aSender(database.pool);
    await sender.handle(recordsOf(10, 10, { esps: ['beta'] }));
    await tick();
    await sender.handleDue();
    expect(await batches()).toMatchObject([{ weights: { beta: 1_000 }, split: { beta: 10 } }]);
  });
});
