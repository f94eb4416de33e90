import { beforeEach, describe, expect, it } from '@jest/globals';
import { budgetsOn, type FleetLimits } from '../../../consumers/email-send/consumer-budgets.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import type { ClaimedMessage } from '../../../consumers/email-send/deliver-messages.ts';
import { deliverMessages } from '../../../consumers/email-send/deliver-messages.ts';
import { callsOn } from '../../../consumers/email-send/consumer-calls.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { aMessage, aRequest, storedMessage, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate esp_controls, esp_budgets'));

const log = createLog({ name: 'test', level: 'silent' });
const content = { from: { email: 'news@acme.example' }, subject: 's', headers: {}, tags: [], attachments: [] };
const delivery = (id: string): Delivery => ({
  ...{ messageId: `msg_${id}`, attemptId: id, to: { email: `${id}@example.org` }, cc: [], bcc: [], content },
  ...{ values: {}, metadata: {} },
});
const deliveries = (count: number): Delivery[] => Array.from({ length: count }, (_, n) => delivery(String(n)));

/** An ESP in memory: how large its calls were, and an answer that names the delivery. */
const espOf = (name: string) => {
  const calls: number[] = [];
  const esp: Esp = {
    name,
    kind: 'smtp',
    limits: { deliveriesPerCall: 1_000, bytesPerCall: 1e9, oneContentPerCall: false, concurrentCalls: 4 },
    send: (given) => {
      calls.push(given.length);
      return Promise.resolve(given.map(({ messageId }) => ({ outcome: 'accepted', providerMessageId: messageId })));
    },
    close: () => Promise.resolve(),
  };
  return { esp, calls };
};
const none: FleetLimits = { perSecond: null, perDay: null, perMonth: null };
const limit = async (esp: string, more: Partial<FleetLimits>): Promise<FleetLimits> => {
  const limits = { ...none, ...more };
  await database.pool.query('insert into esp_controls (esp, per_second, per_day, per_month) values ($1, $2, $3, $4)', [
    ...[esp, limits.perSecond, limits.perDay, limits.perMonth],
  ]);
  return limits;
};
const callsWith = (esps: readonly Esp[], limits: Readonly<Record<string, FleetLimits>>, patienceMs = 20_000) =>
  callsOn(
    esps,
    budgetsOn(database.pool),
    { metrics: createMetrics('test'), log },
    { latest: () => ({}), limitsOf: (esp) => limits[esp] },
    patienceMs,
  );
const bulk = { messageClass: 'bulk', isProbe: false, leaseToken: 'lease' } as const;
const idsOf = (answers: readonly DeliveryAnswer[]) =>
  answers.map((answer) => (answer.outcome === 'accepted' ? answer.providerMessageId : answer.outcome));

describe('A call of an ESP with limits', () => {
  it('is made in parts as the rate lets it, and answered in order', async () => {
    const { esp, calls } = espOf('ses');
    const sender = callsWith([esp], { ses: await limit('ses', { perSecond: 30 }) });
    const given = deliveries(50);
    expect(idsOf(await sender.send('ses', given, bulk))).toEqual(given.map(({ messageId }) => messageId));
    expect(calls[0]).toBe(30);
    expect(calls.reduce((sum, size) => sum + size, 0)).toBe(50);
    await sender.close();
  });

  it('is planned for no more than a second’s worth', async () => {
    const sender = callsWith([espOf('ses').esp, espOf('smtp').esp], { ses: await limit('ses', { perSecond: 30 }) });
    expect(sender.limitsOf('ses').deliveriesPerCall).toBe(30);
    expect(sender.limitsOf('smtp').deliveriesPerCall).toBe(1_000);
  });

  it('gets no further than the day’s budget; the rest was never handed over', async () => {
    const { esp, calls } = espOf('ses');
    const sender = callsWith([esp], { ses: await limit('ses', { perDay: 20 }) });
    const answers = await sender.send('ses', deliveries(50), bulk);
    expect(calls).toEqual([20]);
    expect(answers).toHaveLength(50);
    expect(answers[19]).toMatchObject({ outcome: 'accepted', providerMessageId: 'msg_19' });
    expect(answers[20]).toMatchObject({ outcome: 'unavailable', reason: 'quota', code: 'over-budget' });
    await sender.close();
  });

  it('waits for its rate no longer than its patience', async () => {
    const { esp, calls } = espOf('ses');
    const sender = callsWith([esp], { ses: await limit('ses', { perSecond: 10 }) }, 100);
    await sender.send('ses', deliveries(10), bulk);
    const [answer] = await sender.send('ses', deliveries(10), bulk);
    expect(answer).toMatchObject({ outcome: 'unavailable', reason: 'throttled', code: 'over-budget' });
    expect(calls).toEqual([10]);
    await sender.close();
  });

  it('costs an ESP without limits no statement', async () => {
    const refusing = { query: () => Promise.reject(new TypeError('asked Postgres')) };
    const { esp, calls } = espOf('ses');
    const routing = { latest: () => ({}), limitsOf: () => undefined };
    const sender = callsOn([esp], budgetsOn(refusing), { metrics: createMetrics('test'), log }, routing, 1_000);
    await sender.send('ses', deliveries(50), bulk);
    expect(calls).toEqual([50]);
    await sender.close();
  });
});

describe('Messages beyond an ESP’s budget', () => {
  it('go to the next ESP in the same batch, and say nothing of the health of the first', async () => {
    const limits = { ses: await limit('ses', { perDay: 3 }) };
    const [ses, smtp] = [espOf('ses'), espOf('smtp')];
    const ports = portsOn(
      database.pool,
      [ses.esp, smtp.esp],
      { metrics: createMetrics('test'), log },
      { latest: () => ({}), limitsOf: (esp) => (esp === 'ses' ? limits.ses : undefined) },
      { roundSeconds: 5, patienceMs: 20_000 },
    );
    await insertRequests(database.pool, [aRequest('req_1', { total: 8, class: 'bulk' })]);
    const rows = Array.from({ length: 8 }, (_, position) => aMessage({ position, esp: 'ses' }));
    const leaseToken = '00000000-0000-4000-8000-000000000001';
    await insertAndClaim(database.pool, rows, leaseToken);
    const messages = rows.map(({ id }): ClaimedMessage => ({
      ...{ id, leaseToken, messageClass: 'bulk', attempt: 1, createdAtMs: performance.now() },
      ...{ candidates: ['ses', 'smtp'], isAnyLeftOut: false, delivery: delivery(id) },
    }));
    await deliverMessages(messages, ports);
    await ports.close();
    expect([ses.calls, smtp.calls]).toEqual([[3], [5]]);
    const stored = await Promise.all(rows.map(({ id }) => storedMessage(database.pool, id)));
    expect(stored.map(({ status, esp }) => `${status} ${esp}`).sort()).toEqual([
      ...Array<string>(3).fill('sent ses'),
      ...Array<string>(5).fill('sent smtp'),
    ]);
    const { rows: rounds } = await database.pool.query(
      'select esp, sum(good)::int as good, sum(bad)::int as bad from esp_rounds group by esp order by esp',
    );
    expect(rounds).toEqual([
      { esp: 'ses', good: 3, bad: 0 },
      { esp: 'smtp', good: 5, bad: 0 },
    ]);
  });
});
