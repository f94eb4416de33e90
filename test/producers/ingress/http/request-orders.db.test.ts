// Requests that are cancelled, paused and moved after they were accepted, with a sender on the same tables.
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { emailRecord, type SendRecord } from '../../../../shared/contracts/email.ts';
import { orderRequest, purgeOrders, repairOrders } from '../../../../shared/db/request-orders.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { aSender, type TestSender } from '../../../consumers/email-send/a-sender.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from './accounts-world.ts';
import { testIngress, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
let sender: TestSender;
let key: string;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
  await makeAccount(ingress, 'shop');
  key = (await makeKeyFor(ingress, 'shop', ['send', 'read'])).key;
});
beforeEach(() => {
  ingress.clear();
  sender = aSender(database.pool);
});

const soon = '2090-01-01T00:00:00.000Z';
const accepted = async (count: number, more: object = {}): Promise<{ id: string; records: readonly SendRecord[] }> => {
  const recipients = Array.from({ length: count }, (_, n) => ({ email: `u${n}@example.org` }));
  const payload = { from: 'news@shop.example', text: 'Hi', recipients, ...more };
  const answer = await ask(ingress, 'POST', '/v1/emails', { payload, key });
  expect(answer.statusCode).toBe(202);
  const { id } = answer.json<{ id: string }>();
  const records = ingress.published.map(({ value }) => emailRecord.parse(JSON.parse(String(value))));
  return { id, records: records.filter((record) => record.id === id) };
};
const order = (id: string, command: string, as = key) =>
  ask(ingress, 'POST', `/v1/emails/${id}/${command}`, { key: as });
const move = (id: string, sendAt: string) => ask(ingress, 'PATCH', `/v1/emails/${id}`, { payload: { sendAt }, key });
const countsOf = async (id: string) =>
  (await ask(ingress, 'GET', `/v1/emails/${id}`, { key })).json<{ counts: Record<string, number> }>().counts;

describe('A cancelled request', () => {
  test('that waits is never sent, and its counts add up; a second time is the same', async () => {
    const { id, records } = await accepted(3, { sendAt: soon });
    await sender.handle(records);
    for (let n = 0; n < 2; n += 1) {
      const answer = await order(id, 'cancel');
      expect([answer.statusCode, answer.json()]).toMatchObject([200, { status: 'done', counts: { cancelled: 3 } }]);
    }
    expect((await order(id, 'resume')).statusCode).toBe(409);
    await database.pool.query(`update messages set due_at = now()`);
    expect(await sender.handleDue()).toBe(0);
    expect(sender.sent).toEqual([]);
  });

  test('that is still on its topic is cancelled when it is stored', async () => {
    const { id, records } = await accepted(2_500);
    expect(records.length).toBeGreaterThan(1);
    await sender.handle(records.slice(0, 1));
    expect((await order(id, 'cancel')).statusCode).toBe(200);
    await sender.handle(records.slice(1));
    expect(await countsOf(id)).toEqual({ queued: 0, sent: 1_000, cancelled: 1_500 });

    const other = await accepted(2);
    expect((await order(other.id, 'cancel')).statusCode).toBe(200);
    await sender.handle(other.records);
    expect(await countsOf(other.id)).toEqual({ queued: 0, cancelled: 2 });
    expect(sender.sent).toHaveLength(1_000);
  });

  test('leaves what is in flight, and takes it back when no ESP had it', async () => {
    const { id, records } = await accepted(1);
    const refusing = aSender(database.pool, async () => {
      await order(id, 'cancel');
      return { outcome: 'unavailable', reason: 'outage', code: '503', detail: 'down' };
    });
    await refusing.handle(records);
    expect(await countsOf(id)).toEqual({ queued: 1 });
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    await sender.handleDue();
    expect([await countsOf(id), sender.sent]).toEqual([{ queued: 0, cancelled: 1 }, []]);
  });

  test('that is done answers 409, as does every other order', async () => {
    const { id, records } = await accepted(2);
    await sender.handle(records);
    for (const command of ['cancel', 'pause', 'resume']) expect((await order(id, command)).statusCode).toBe(409);
    expect((await move(id, soon)).statusCode).toBe(409);
  });
});

describe('A paused request', () => {
  test('waits until it is resumed, its parts that are stored meanwhile too', async () => {
    const { id, records } = await accepted(2_500);
    expect((await order(id, 'pause')).json()).toMatchObject({ status: 'queued' });
    await sender.handle(records.slice(0, 2));
    expect(sender.sent).toEqual([]);
    expect((await ask(ingress, 'GET', `/v1/emails/${id}`, { key })).json()).toMatchObject({
      paused: true,
      counts: { scheduled: 2_000, queued: 500 },
    });
    expect((await order(id, 'resume')).statusCode).toBe(200);
    expect(await sender.handleDue()).toBe(2_000);
    await sender.handle(records.slice(2));
    expect(await countsOf(id)).toEqual({ queued: 0, sent: 2_500 });
    expect(new Set(sender.sent.map(({ messageId }) => messageId)).size).toBe(2_500);
  });

  test('keeps the time that it was to be sent at', async () => {
    const { id, records } = await accepted(1, { sendAt: soon });
    await sender.handle(records);
    await order(id, 'pause');
    await order(id, 'pause');
    await order(id, 'resume');
    const { rows } = await database.pool.query<{ due_at: Date }>('select due_at from messages');
    expect(rows[0]?.due_at.toISOString()).toBe(soon);
  });
});

describe('A moved request', () => {
  test('is sent at the new time, parts that are stored later too', async () => {
    const { id, records } = await accepted(1_500, { sendAt: soon });
    await sender.handle(records.slice(0, 1));
    expect((await move(id, '2091-01-01T01:00:00+01:00')).statusCode).toBe(200);
    await sender.handle(records.slice(1));
    const { rows } = await database.pool.query<{ due_at: Date }>('select distinct due_at from messages');
    expect(rows.map(({ due_at: at }) => at.toISOString())).toEqual(['2091-01-01T00:00:00.000Z']);
    expect((await move(id, '2000-01-01T00:00:00Z')).statusCode).toBe(200);
    expect(await sender.handleDue()).toBe(1_500);
    expect((await move(id, soon)).statusCode).toBe(409);
    expect(await countsOf(id)).toEqual({ queued: 0, sent: 1_500 });
  });
});

describe('An order', () => {
  test.each(['cancel', 'pause', 'resume'])('to %s another account’s request is answered 404', async (command) => {
    const { id, records } = await accepted(1, { sendAt: soon });
    const other = (await makeKeyFor(ingress, 'admin', ['send'])).key;
    expect((await order(id, command, other)).statusCode).toBe(404);
    await sender.handle(records);
    expect((await order(id, command, other)).statusCode).toBe(404);
    expect((await order('req_nobody', command)).statusCode).toBe(404);
    expect(await countsOf(id)).toEqual({ queued: 0, scheduled: 1 });
  });

  test('is forgotten after two months, unless something of its request still waits', async () => {
    const { id, records } = await accepted(1, { sendAt: soon });
    await sender.handle(records);
    const other = await accepted(1, { sendAt: soon });
    await order(id, 'pause');
    await order(other.id, 'cancel');
    expect(await purgeOrders(database.pool, 60, 10)).toBe(0);
    await database.pool.query(`update request_orders set updated_at = now() - interval '61 days'`);
    expect(await purgeOrders(database.pool, 60, 10)).toBe(1);
    const { rows } = await database.pool.query('select request_id from request_orders');
    expect(rows).toEqual([{ request_id: id }]);
  });

  test('that a record did not know while it was being stored is carried out a moment later', async () => {
    const request = { accountId: 'shop', requestId: '' };
    for (const [command, status, held] of [
      ['cancel', 'cancelled', false],
      ['pause', 'scheduled', true],
    ] as const) {
      const { id, records } = await accepted(1, { sendAt: soon });
      await sender.handle(records);
      await orderRequest(database.pool, { ...request, requestId: id }, command);
      await database.pool.query(
        `update messages set status = 'scheduled', due_at = $2, held_due_at = null where request_id = $1`,
        [id, soon],
      );
      expect(await repairOrders(database.pool)).toBeGreaterThan(0);
      const { rows } = await database.pool.query<{ status: string; held_due_at: Date | null }>(
        'select status, held_due_at from messages where request_id = $1',
        [id],
      );
      expect([rows[0]?.status, rows[0]?.held_due_at !== null]).toEqual([status, held]);
    }
  });
});
