import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { recordAnswers, type AnswerRow } from '../../../shared/db/record-answers.ts';
import { aMessage, alterMessage, storedMessage, useDatabase } from './tables.ts';

const database = useDatabase();
const token = randomUUID();

const claimed = async (): Promise<string> => {
  const message = aMessage({ batchId: 'spring', mailboxProvider: 'gmail' });
  await insertAndClaim(database.pool, [message], token);
  return message.id;
};
const answer = (id: string, more: Partial<AnswerRow> = {}): AnswerRow => ({
  id,
  attempt: 1,
  leaseToken: token,
  esp: 'sendgrid',
  step: 'sent',
  providerMessageId: null,
  error: null,
  waitMs: null,
  nextEsp: null,
  leaseMs: 60_000,
  ...more,
});
const attemptsOf = async (id: string): Promise<object[]> => {
  const { rows } = await database.pool.query<{ number: number }>(
    `select number, esp, state, provider_message_id, error from attempts where message_id = $1 order by number`,
    [id],
  );
  return rows;
};

describe('The end of an attempt', () => {
  it('that was accepted makes the message sent, for good', async () => {
    const id = await claimed();
    const [recorded] = await recordAnswers(database.pool, [answer(id, { providerMessageId: 'p-1' })]);
    expect(recorded).toMatchObject({
      id,
      accountId: 'admin',
      mailboxProvider: 'gmail',
      batchId: 'spring',
      wasMoved: false,
    });
    expect(await storedMessage(database.pool, id)).toMatchObject({
      status: 'sent',
      provider_message_id: 'p-1',
      lease_token: null,
      leased_for_ms: null,
      due_in_ms: null,
      reason: null,
    });
    expect(await attemptsOf(id)).toEqual([
      { number: 1, esp: 'sendgrid', state: 'accepted', provider_message_id: 'p-1', error: null },
    ]);
  });

  it('that nobody knows waits for its window as unknown', async () => {
    const id = await claimed();
    await recordAnswers(database.pool, [answer(id, { step: 'unknown', error: 'timeout', waitMs: 60_000 })]);
    const stored = await storedMessage(database.pool, id);
    expect(stored).toMatchObject({ status: 'unknown', reason: 'timeout', lease_token: null });
    expect(stored.due_in_ms).toBeGreaterThan(55_000);
  });

  it('that is to be tried again waits as queued; one that failed is done', async () => {
    const [later, never] = [await claimed(), await claimed()];
    await recordAnswers(database.pool, [
      answer(later, { step: 'retry', error: 'busy', waitMs: 5_000 }),
      answer(never, { step: 'failed', error: 'no such user' }),
    ]);
    const waiting = await storedMessage(database.pool, later);
    expect(waiting).toMatchObject({ status: 'queued', attempt: 1, lease_token: null });
    expect(waiting.due_in_ms).toBeGreaterThan(4_000);
    expect(await storedMessage(database.pool, never)).toMatchObject({
      status: 'failed',
      reason: 'no such user',
      due_in_ms: null,
    });
  });

  it('that goes to the next ESP begins its next attempt under the same lease, renewed', async () => {
    const id = await claimed();
    await alterMessage(database.pool, id, `lease_until = now() + interval '1 s'`);
    await recordAnswers(database.pool, [answer(id, { step: 'next-esp', nextEsp: 'postmark', error: 'down' })]);
    const stored = await storedMessage(database.pool, id);
    expect(stored).toMatchObject({ status: 'sending', attempt: 2, esp: 'postmark', lease_token: token });
    expect(stored.leased_for_ms).toBeGreaterThan(50_000);
    await recordAnswers(database.pool, [answer(id, { attempt: 2, esp: 'postmark' })]);
    expect((await attemptsOf(id)).map((attempt) => attempt)).toMatchObject([
      { number: 1, esp: 'sendgrid', state: 'refused' },
      { number: 2, esp: 'postmark', state: 'accepted' },
    ]);
  });

  it('is dropped when the lease was lost: to the reaper, to another process, or to a later attempt', async () => {
    const ids = [await claimed(), await claimed(), await claimed()];
    const [reaped = '', taken = '', later = ''] = ids;
    await alterMessage(database.pool, reaped, `status = 'unknown', lease_token = null`);
    await alterMessage(database.pool, taken, `lease_token = gen_random_uuid()`);
    await alterMessage(database.pool, later, `attempt = 2`);
    const before = await Promise.all(ids.map((id) => storedMessage(database.pool, id)));
    expect(await recordAnswers(database.pool, [...ids.map((id) => answer(id)), answer(randomUUID())])).toEqual([]);
    const after = await Promise.all(ids.map((id) => storedMessage(database.pool, id)));
    expect(after.map(({ status, attempt, lease_token }) => ({ status, attempt, lease_token }))).toEqual(
      before.map(({ status, attempt, lease_token }) => ({ status, attempt, lease_token })),
    );
    expect(await Promise.all(ids.map(attemptsOf))).toEqual([[], [], []]);
  });

  it('written twice changes nothing the second time', async () => {
    const id = await claimed();
    expect(await recordAnswers(database.pool, [answer(id)])).toHaveLength(1);
    expect(await recordAnswers(database.pool, [answer(id)])).toEqual([]);
    expect(await attemptsOf(id)).toHaveLength(1);
  });

  it.each([
    ['delivered', 'sent'],
    ['delivered', 'unknown'],
    ['bounced', 'failed'],
    ['complained', 'retry'],
  ] as const)('keeps the state %s that a webhook set first, when its own word is %s', async (state, step) => {
    const id = await claimed();
    await alterMessage(database.pool, id, `status = '${state}'`);
    const [recorded] = await recordAnswers(database.pool, [answer(id, { step, waitMs: 5_000, error: 'x' })]);
    expect(recorded?.wasMoved).toBe(true);
    expect(await storedMessage(database.pool, id)).toMatchObject({ status: state, due_in_ms: null, lease_token: null });
    expect(await attemptsOf(id)).toHaveLength(1);
  });

  it('of many messages is one statement, each with its own words', async () => {
    const ids = await Promise.all(Array.from({ length: 300 }, claimed));
    const recorded = await recordAnswers(
      database.pool,
      ids.map((id, index) => answer(id, { providerMessageId: `p-${index}` })),
    );
    expect(new Set(recorded.map(({ id }) => id))).toEqual(new Set(ids));
    expect((await storedMessage(database.pool, ids[7] ?? '')).provider_message_id).toBe('p-7');
  });
});
