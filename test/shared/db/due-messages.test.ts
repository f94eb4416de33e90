import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { expireLeases, releaseUnknown, takeDueMessages } from '../../../shared/db/due-messages.ts';
import { recordAnswers } from '../../../shared/db/record-answers.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { unknownWindowMs } from '../../../shared/domain/next-attempt.ts';
import { aMessage, alterMessage, aRequest, openTransaction, storedMessage, useDatabase } from './tables.ts';

const database = useDatabase();
const token = randomUUID();

const store = async (requestId: string, set: string): Promise<string> => {
  const message = aMessage({ requestId });
  await insertAndClaim(database.pool, [message], token);
  await alterMessage(database.pool, message.id, set);
  return message.id;
};
const ranOut = `lease_until = now() - interval '1 s'`;

describe('A claim that ran out', () => {
  it.each([
    ['otp', 3_000],
    ['transactional', 60_000],
    ['bulk', 600_000],
  ])('of class %s becomes unknown for %d ms, and its attempt is noted', async (messageClass, windowMs) => {
    await insertRequests(database.pool, [aRequest('r', { class: messageClass })]);
    const id = await store('r', ranOut);
    expect(await expireLeases(database.pool, unknownWindowMs)).toHaveLength(1);
    const stored = await storedMessage(database.pool, id);
    expect(stored).toMatchObject({ status: 'unknown', lease_token: null, attempt: 1 });
    expect(Math.abs((stored.due_in_ms ?? 0) - windowMs)).toBeLessThan(2_500);
    const { rows } = await database.pool.query(`select number, state, esp from attempts where message_id = $1`, [id]);
    expect(rows).toEqual([{ number: 1, state: 'unknown', esp: 'sendgrid' }]);
  });

  it('rejects what its process says when it wakes up again', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', ranOut);
    await expireLeases(database.pool, unknownWindowMs);
    const zombie = {
      id,
      attempt: 1,
      leaseToken: token,
      esp: 'sendgrid',
      step: 'sent',
      leaseMs: 1,
      providerMessageId: null,
      error: null,
      waitMs: null,
      nextEsp: null,
    } as const;
    expect(await recordAnswers(database.pool, [zombie])).toEqual([]);
    expect((await storedMessage(database.pool, id)).status).toBe('unknown');
  });

  it('is left alone while it holds, and when the message was settled meanwhile', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const ids = [
      await store('r', `lease_until = now() + interval '1 min'`),
      await store('r', `${ranOut}, status = 'delivered'`),
    ];
    expect(await expireLeases(database.pool, unknownWindowMs)).toHaveLength(0);
    expect(await Promise.all(ids.map(async (id) => (await storedMessage(database.pool, id)).status))).toEqual([
      'sending',
      'delivered',
    ]);
  });
});

describe('An unknown message whose window is over', () => {
  const over = `status = 'unknown', lease_token = null, lease_until = null, due_at = now() - interval '1 s'`;

  it('is sent again, flagged, where duplicates are allowed', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', over);
    expect(await releaseUnknown(database.pool)).toBe(1);
    expect(await storedMessage(database.pool, id)).toMatchObject({ status: 'queued', duplicate_suspected: true });
    expect((await takeDueMessages(database.pool, 10)).map((row) => row.id)).toEqual([id]);
  });

  it('stays visible as unknown where they are not, and is never looked at again', async () => {
    await insertRequests(database.pool, [aRequest('r', { policy: 'at-most-once' })]);
    const id = await store('r', over);
    await releaseUnknown(database.pool);
    const stored = await storedMessage(database.pool, id);
    expect(stored).toMatchObject({ status: 'unknown', duplicate_suspected: false, due_in_ms: null });
    expect(await releaseUnknown(database.pool)).toBe(0);
    expect(await takeDueMessages(database.pool, 10)).toEqual([]);
  });

  it('waits for its window', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', over.replace('- interval', '+ interval'));
    expect(await releaseUnknown(database.pool)).toBe(0);
    expect((await storedMessage(database.pool, id)).status).toBe('unknown');
  });
});

describe('Messages that are due', () => {
  const due = `status = 'queued', due_at = now() - interval '1 s', lease_token = null, lease_until = null`;

  it('are taken once, with the lane of their request', async () => {
    await insertRequests(database.pool, [aRequest('r'), aRequest('s', { lane: 'email-send-bulk' })]);
    const [one, other] = [await store('r', due), await store('s', due.replace('queued', 'scheduled'))];
    await store('r', due.replace('- interval', '+ interval'));
    await store('r', `status = 'sent', due_at = null`);
    const taken = await takeDueMessages(database.pool, 10);
    expect(new Map(taken.map(({ id, lane }) => [id, lane]))).toEqual(
      new Map([
        [one, 'email-send'],
        [other, 'email-send-bulk'],
      ]),
    );
    expect(await takeDueMessages(database.pool, 10)).toEqual([]);
  });

  it('are taken by one of two schedulers', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const ids = await Promise.all(Array.from({ length: 20 }, () => store('r', due)));
    const first = await openTransaction(database.pool);
    const mine = await takeDueMessages(first.db, 12);
    const theirs = await takeDueMessages(database.pool, 100);
    await first.commit();
    expect([...mine, ...theirs].map((row) => row.id).sort()).toEqual(ids.sort());
  });

  it('are taken again when nobody has claimed them in time', async () => {
    await insertRequests(database.pool, [aRequest('r')]);
    const id = await store('r', due);
    await takeDueMessages(database.pool, 10);
    await alterMessage(database.pool, id, `lease_until = now() - interval '1 ms'`);
    expect((await takeDueMessages(database.pool, 10)).map((row) => row.id)).toEqual([id]);
  });
});
