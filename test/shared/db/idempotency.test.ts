import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { settleKey, takeKey, type KeyState } from '../../../shared/db/idempotency.ts';
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

it('is each account’s own', async () => {
  await take();
  expect(await take('other', 'key', 'acme')).toBe('new');
  expect(await take('other', 'key2')).toBe('new');
});
