import { beforeEach, describe, expect, it } from '@jest/globals';
import { insertAccount } from '../../../shared/db/accounts.ts';
import { findUsableKeys, insertKey, listKeys, noteKeyUse, revokeKey } from '../../../shared/db/api-keys.ts';
import { hashKey } from '../../../shared/domain/api-key.ts';
import { openTransaction, useDatabase } from './tables.ts';

const database = useDatabase();
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys');
  await insertAccount(database.pool, {
    ...{ id: 'acme', name: 'Acme', senderDomains: ['acme.example'], limits: { requestsPerMinute: 5 } },
  });
});
const make = (id: string, more: { readonly accountId?: string; readonly expiresAt?: string } = {}) =>
  insertKey(database.pool, {
    ...{
      id,
      accountId: 'acme',
      name: 'shop',
      prefix: 'mf_abcd0123',
      secretHash: hashKey(id),
      scopes: ['send', 'read'],
    },
    expiresAt: null,
    ...more,
  });
const usable = async (id: string) =>
  (await findUsableKeys(database.pool, [hashKey(id)])).get(hashKey(id).toString('hex'));
const usedAt = async (id: string) => {
  const [key] = (await listKeys(database.pool, 'acme', undefined, 10)).filter((one) => one.id === id);
  return key?.lastUsedAt ?? null;
};

describe('Keys', () => {
  it('bring with them what their account may', async () => {
    await make('key_1');
    expect(await usable('key_1')).toEqual({
      ...{ keyId: 'key_1', accountId: 'acme', scopes: ['send', 'read'], senderDomains: ['acme.example'] },
      limits: { requestsPerMinute: 5, recipientsPerMinute: expect.any(Number) },
      expiresInMs: null,
    });
    expect(await usable('key_2')).toBeUndefined();
  });

  it('belong to accounts that exist', async () => {
    expect(await make('key_1', { accountId: 'nobody' })).toBeUndefined();
  });

  it('end when they expire, by Postgres’s clock', async () => {
    const { rows } = await database.pool.query<{ soon: Date }>(`select now() + interval '1 hour' as soon`);
    await make('key_1', { expiresAt: rows[0]?.soon.toISOString() ?? '' });
    const left = (await usable('key_1'))?.expiresInMs ?? 0;
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    await database.pool.query(`update api_keys set expires_at = now()`);
    expect(await usable('key_1')).toBeUndefined();
  });

  it('are revoked by their own account alone, once and for good', async () => {
    await make('key_1');
    expect(await revokeKey(database.pool, 'admin', 'key_1')).toBe(false);
    expect(await usable('key_1')).toBeDefined();
    expect(await revokeKey(database.pool, 'acme', 'key_1')).toBe(true);
    expect(await usable('key_1')).toBeUndefined();
    const [first] = await listKeys(database.pool, 'acme', undefined, 10);
    expect(await revokeKey(database.pool, 'acme', 'key_1')).toBe(true);
    const [second] = await listKeys(database.pool, 'acme', undefined, 10);
    expect(second?.revokedAt).toEqual(first?.revokedAt);
  });

  it('are listed newest first, for their account, and never with their secret', async () => {
    for (const id of ['key_1', 'key_2', 'key_3']) await make(id);
    await make('key_9', { accountId: 'admin' });
    expect((await listKeys(database.pool, 'acme', undefined, 2)).map(({ id }) => id)).toEqual([
      'key_3',
      'key_2',
      'key_1',
    ]);
    expect((await listKeys(database.pool, 'acme', 'key_2', 2)).map(({ id }) => id)).toEqual(['key_1']);
    const { rows } = await database.pool.query<Record<string, unknown>>('select * from api_keys');
    expect(Object.keys(rows[0] ?? {})).not.toContain('key');
  });

  it('note their use once a minute, and never go back', async () => {
    await make('key_1');
    await noteKeyUse(database.pool, [{ keyId: 'key_1', agoMs: 300_000 }]);
    const first = await usedAt('key_1');
    await noteKeyUse(database.pool, [{ keyId: 'key_1', agoMs: 400_000 }]);
    await noteKeyUse(database.pool, [{ keyId: 'key_1', agoMs: 270_000 }]);
    expect(await usedAt('key_1')).toEqual(first);
    await noteKeyUse(database.pool, [{ keyId: 'key_1', agoMs: 0 }]);
    expect(Number(await usedAt('key_1')) - Number(first)).toBeGreaterThan(290_000);
  });

  it('note their use without waiting for who holds them', async () => {
    await make('key_1');
    const other = await openTransaction(database.pool);
    await other.db.query('select from api_keys for update');
    await noteKeyUse(database.pool, [{ keyId: 'key_1', agoMs: 0 }]);
    expect(await usedAt('key_1')).toBeNull();
    await other.commit();
  });
});
