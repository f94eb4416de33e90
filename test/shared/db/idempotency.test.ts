import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { noteKeys, purgeKeys, settleKey, takeKey, type KeyState } from '../../../shared/db/idempotency.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
const take = (body = 'body', key = 'key', accountId = 'admin'): Promise<KeyState> =>
  takeKey(database.pool, { accountId, keyHash: hash(key), bodyHash: hash(body), requestId: 'req_1' });
const settle = (isDone: boolean): Promise<void> => settleKey(database.pool, 'admin', hash('key'), isDone);

it('lets exactly one of 50 at once go on', async () => {
  const states = await Promise.all(Array.from({ length: 50 }, () => take()));
  expect(states.filter((state) => state === 'new')).toHaveLength(1);
  expect(states.filter((state) => state === 'in-flight')).toHaveLength(49);
});

it('lets exactly one of 50 at once go on where an earlier try ended without an answer', async () => {
  await take();
  await database.pool.query(`update idempotency_keys set locked_until = now() - interval '1 s'`);
  const states = await Promise.all(Array.from({ length: 50 }, () => take()));
  expect(states.filter((state) => state === 'new')).toHaveLength(1);
});

it('knows a request that was accepted, for as long as its row lives', async () => {
  expect(await take()).toBe('new');
  expect(await take()).toBe('in-flight');
  await settle(true);
  expect(await take()).toBe('done');
  await database.pool.query(`update idempotency_keys set locked_until = now() - interval '1 day'`);
  expect(await take()).toBe('done');
});

it('refuses another body under the same key', async () => {
  await take();
  expect(await take('other')).toBe('other-body');
  await settle(true);
  expect(await take('other')).toBe('other-body');
});

it('is free again once its request was not accepted', async () => {
  await take();
  await settle(false);
  expect(await take()).toBe('new');
});

it('refuses another body also where the first one was not accepted: it may have arrived all the same', async () => {
  await take();
  await settle(false);
  expect(await take('other')).toBe('other-body');
  expect(await take()).toBe('new');
});

it('may be used for another body after 24 hours, whether the first was accepted or not', async () => {
  for (const isDone of [true, false]) {
    await database.pool.query('truncate idempotency_keys');
    await take();
    await settle(isDone);
    await database.pool.query(
      `update idempotency_keys set created_at = now() - interval '24 hours 1 s', locked_until = now() - interval '1 s'`,
    );
    expect(await take('other')).toBe('new');
    expect(await take('other')).toBe('in-flight');
    expect(await take()).toBe('other-body');
  }
});

describe('The keys of records', () => {
  const note = (...given: readonly (readonly [key: string, body: string])[]): Promise<readonly boolean[]> =>
    noteKeys(
      database.pool,
      given.map(([key, body]) => ({
        accountId: 'admin',
        keyHash: hash(key),
        bodyHash: hash(body),
        requestId: `req_${key}_${body}`,
      })),
    );

  it('stand for the first body they came with, in one batch or many, and for it on every redelivery', async () => {
    expect(await note(['a', '1'], ['a', '2'], ['b', '1'], ['a', '1'])).toEqual([true, false, true, true]);
    expect(await note(['a', '1'], ['b', '2'])).toEqual([true, false]);
    expect(await note()).toEqual([]);
  });

  it('stand for the same request as a key that came over HTTP', async () => {
    await take('1', 'h');
    expect(await note(['h', '1'], ['h', '2'])).toEqual([true, false]);
    await note(['k', '1']);
    expect(await take('1', 'k')).toBe('done');
    expect(await take('2', 'k')).toBe('other-body');
  });

  it('agree when many processes note the same key at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => note(['a', String(index % 2)])));
    const [winner] = (
      await database.pool.query<{ request_id: string }>('select request_id from idempotency_keys')
    ).rows.map((row) => Number(row.request_id.slice(-1)));
    expect(answers.map(([isSame]) => isSame)).toEqual(answers.map((_, index) => index % 2 === winner));
  });

  it('are free after 24 hours', async () => {
    await note(['a', '1']);
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '24 hours 1 s'`);
    expect(await note(['a', '2'])).toEqual([true]);
    expect(await note(['a', '1'])).toEqual([false]);
  });
});

it('refuses another body also when nobody holds the key any more: the first may be on its way', async () => {
  await take();
  await settle(false);
  expect(await take('other')).toBe('other-body');
  await database.pool.query(`update idempotency_keys set locked_until = now() - interval '1 s'`);
  expect(await take('other')).toBe('other-body');
  expect(await take()).toBe('new');
});

it('is each account’s own', async () => {
  await take();
  expect(await take('other', 'key', 'acme')).toBe('new');
  expect(await take('other', 'key2')).toBe('new');
});

it('is forgotten once it is old and nobody holds it, so many at a time', async () => {
  const age = (key: string, days: number): Promise<unknown> =>
    database.pool.query(
      `update idempotency_keys set created_at = now() - $2::int * interval '1 day' - interval '1 s', locked_until = now() - interval '1 s' where key_hash = $1`,
      [hash(key), days],
    );
  for (const key of ['old1', 'old2', 'old3', 'young', 'held']) await take('body', key);
  for (const key of ['old1', 'old2', 'old3']) await age(key, 7);
  await age('young', 6);
  // An old key whose first request never was accepted, and that somebody is trying again just now.
  await age('held', 7);
  expect(await take('body', 'held')).toBe('new');
  expect([
    await purgeKeys(database.pool, 7, 2),
    await purgeKeys(database.pool, 7, 2),
    await purgeKeys(database.pool, 7, 2),
  ]).toEqual([2, 1, 0]);
  const { rows } = await database.pool.query<{ key_hash: Buffer }>('select key_hash from idempotency_keys');
  const left = rows.map((row) => row.key_hash.toString('hex')).sort();
  expect(left).toEqual(['young', 'held'].map((key) => hash(key).toString('hex')).sort());
});
