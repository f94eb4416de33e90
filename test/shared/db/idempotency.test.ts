import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { purgeKeys, settleKey, takeKey, type KeyState } from '../../../shared/db/idempotency.ts';
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
