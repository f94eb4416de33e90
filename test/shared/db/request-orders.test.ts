import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { takeOutbox } from '../../../shared/db/outbox.ts';
import { orderRequest, repairOrders } from '../../../shared/db/request-orders.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { aMessage, aRequest, storedMessage, useDatabase } from './tables.ts';

const database = useDatabase();
const topic = 'email-outcomes';
const later = new Date(Date.now() + 3_600_000).toISOString();
const name = { accountId: 'admin', requestId: 'r1' };
const told = async () =>
  (await takeOutbox(database.pool, 10))
    .flatMap(({ records }) => records)
    .map(({ key, value }) => [key, (JSON.parse(String(value)) as { status: string }).status]);

it('Messages that wait when their request is called off are cancelled, and that is told once', async () => {
  await insertRequests(database.pool, [aRequest('r1', { total: 2 })]);
  const waiting = aMessage({ requestId: 'r1', sendAt: later });
  const underWay = aMessage({ requestId: 'r1' });
  await insertAndClaim(database.pool, [waiting, underWay], randomUUID());
  expect(await orderRequest(database.pool, name, 'cancel', topic)).toBe('ordered');
  expect(await storedMessage(database.pool, waiting.id)).toMatchObject({ status: 'cancelled' });
  expect(await storedMessage(database.pool, underWay.id)).toMatchObject({ status: 'sending' });
  expect(await told()).toEqual([[`msg_${waiting.id}`, 'cancelled']]);
  await database.pool.query('delete from outbox');
  await orderRequest(database.pool, name, 'cancel', topic);
  await repairOrders(database.pool, topic);
  expect(await told()).toEqual([]);
});

it('Messages that are stored after their request was called off are cancelled from the start', async () => {
  const message = aMessage({ hold: 'cancelled' });
  const { claimed, suppressed, cancelled } = await insertAndClaim(database.pool, [message], randomUUID());
  expect([claimed.size, suppressed.size, [...cancelled.keys()]]).toEqual([0, 0, [message.id]]);
  expect(await storedMessage(database.pool, message.id)).toMatchObject({
    status: 'cancelled',
    reason: 'It was cancelled.',
  });
});
