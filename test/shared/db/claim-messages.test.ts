import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { claimDue, insertAndClaim, lockDueMessages, type NewMessage } from '../../../shared/db/claim-messages.ts';
import { waitFor } from '../../support/wait-for.ts';
import { aMessage, alterMessage, openTransaction, storedMessage, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();
const token = randomUUID();
const many = (count: number): NewMessage[] =>
  Array.from({ length: count }, () => aMessage()).sort((a, b) => (a.id < b.id ? -1 : 1));
const idsOf = (messages: readonly NewMessage[]): string[] => messages.map(({ id }) => id);

describe('Claiming new messages', () => {
  it('stores them as the first attempt under the token, leased for as long as was said', async () => {
    const message = aMessage({ leaseMs: 30_000 });
    expect((await insertAndClaim(database.pool, [message], token)).claimed).toEqual(new Set([message.id]));
    const stored = await storedMessage(database.pool, message.id);
    expect(stored).toMatchObject({ status: 'sending', attempt: 1, lease_token: token, due_in_ms: null });
    expect(stored.leased_for_ms).toBeGreaterThan(25_000);
    expect(stored.leased_for_ms).toBeLessThanOrEqual(30_000);
  });

  it('gives nothing when the same messages come again, whoever asks', async () => {
    const messages = many(10);
    await insertAndClaim(database.pool, messages, token);
    expect((await insertAndClaim(database.pool, messages, randomUUID())).claimed).toEqual(new Set());
    expect((await insertAndClaim(database.pool, [...messages, aMessage()], token)).claimed).toHaveProperty('size', 1);
    for (const { id } of messages)
      expect(await storedMessage(database.pool, id)).toMatchObject({ attempt: 1, lease_token: token });
  });

  it('gives each message to exactly one of two processes that store the same', async () => {
    const messages = many(200);
    const first = await openTransaction(database.pool);
    const mine = await insertAndClaim(first.db, messages.slice(0, 120), token);
    const theirs = database.pool.transaction((db) => insertAndClaim(db, messages.slice(80), randomUUID()));
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second process waiting' });
    await first.commit();
    const claimed = [...mine.claimed, ...(await theirs).claimed];
    expect(claimed).toHaveLength(200);
    expect(new Set(claimed)).toEqual(new Set(idsOf(messages)));
  });

  it('keeps what is to be sent later as scheduled, and claims what is due already', async () => {
    const later = aMessage({ sendAt: new Date(Date.now() + 3_600_000).toISOString() });
    const past = aMessage({ sendAt: '2020-01-01T00:00:00+02:00' });
    expect((await insertAndClaim(database.pool, [later, past], token)).claimed).toEqual(new Set([past.id]));
    const stored = await storedMessage(database.pool, later.id);
    expect(stored).toMatchObject({ status: 'scheduled', attempt: 0, lease_token: null });
    expect(stored.due_in_ms).toBeGreaterThan(3_500_000);
  });

  it('keeps whatever a recipient brings', async () => {
    const data = {
      substitutions: { name: 'Än "n" \\ {1,2}', null: 'NULL', list: [1, { a: true }] },
      metadata: { a: '' },
      cc: ['c@d.example'],
    };
    const message = aMessage({ name: 'NULL', data, email: '"a,b{}\\" "@example.org' });
    await insertAndClaim(database.pool, [message, aMessage()], token);
    await alterMessage(database.pool, message.id, `status = 'queued', due_at = now()`);
    expect(await lockDueMessages(database.pool, [message.id])).toMatchObject([
      { name: 'NULL', data, email: message.email },
    ]);
  });
});

describe('Claiming messages that are due', () => {
  const due = `status = 'queued', due_at = now() - interval '1 s', lease_token = null, lease_until = null`;
  const store = async (set: string): Promise<string> => {
    const message = aMessage();
    await insertAndClaim(database.pool, [message], token);
    await alterMessage(database.pool, message.id, set);
    return message.id;
  };

  it('finds those that wait and are due, and no others', async () => {
    const wanted = [await store(due), await store(due.replace('queued', 'scheduled'))].sort();
    const others = [
      await store(`status = 'queued', due_at = now() + interval '1 h'`),
      await store(`status = 'sent', due_at = now()`),
      await store(`status = 'unknown', due_at = now() - interval '1 s'`),
      await store(`status = 'cancelled', due_at = now() - interval '1 s'`),
      await store(`status = 'sending'`),
    ];
    const found = await lockDueMessages(database.pool, [...others, ...wanted, randomUUID()]);
    expect(found.map(({ id }) => id)).toEqual(wanted);
  });

  it('makes the next attempt, through the ESP that was chosen', async () => {
    const id = await store(due);
    const next = randomUUID();
    await claimDue(database.pool, [{ id, esp: 'postmark', leaseMs: 20_000, isRepeat: false }], next);
    expect(await storedMessage(database.pool, id)).toMatchObject({
      status: 'sending',
      attempt: 2,
      esp: 'postmark',
      lease_token: next,
      due_in_ms: null,
    });
  });

  it('gives a message to one of two processes that were told of it', async () => {
    const id = await store(due);
    const first = await openTransaction(database.pool);
    expect(await lockDueMessages(first.db, [id])).toHaveLength(1);
    expect(await lockDueMessages(database.pool, [id])).toEqual([]);
    await claimDue(first.db, [{ id, esp: 'ses', leaseMs: 1_000, isRepeat: false }], token);
    await first.commit();
    expect(await lockDueMessages(database.pool, [id])).toEqual([]);
  });
});
