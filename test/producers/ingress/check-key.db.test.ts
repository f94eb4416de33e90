// Revocation on every process: each has its own memory of keys, and hears of a change from Postgres.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createKeyCheck, type KeyCheck } from '../../../producers/ingress/check-key.ts';
import { accountsChannel, closeAccount, insertAccount } from '../../../shared/db/accounts.ts';
import { findUsableKeys, insertKey, revokeKey } from '../../../shared/db/api-keys.ts';
import { listenTo, type Listener } from '../../../shared/db/listen.ts';
import { makeKey } from '../../../shared/domain/api-key.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
let listeners: Listener[] = [];
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys');
  await insertAccount(database.pool, { id: 'acme', name: 'Acme', senderDomains: [], limits: {} });
});
afterEach(async () => {
  await Promise.all(listeners.map((listener) => listener.close()));
  listeners = [];
});

/** A process's memory of keys; a deaf one hears no notices. */
const openProcess = async (more: { readonly isDeaf?: boolean } = {}): Promise<KeyCheck> => {
  const keys = createKeyCheck({
    adminKey: randomBytes(32).toString('hex'),
    find: (hashes) => findUsableKeys(database.pool, hashes),
    onUse: () => undefined,
    now: Date.now,
  });
  if (more.isDeaf === true) return keys;
  let notices = 0;
  listeners.push(
    listenTo(database.url, accountsChannel, () => {
      notices += 1;
      keys.forget();
    }),
  );
  await waitFor(() => notices > 0, { what: 'the ear being open' });
  return keys;
};
const newKey = async (): Promise<string> => {
  const { key, prefix, secretHash } = makeKey(randomBytes);
  await insertKey(database.pool, {
    ...{ id: 'key_1', accountId: 'acme', name: 'n', prefix, secretHash, scopes: ['send'], expiresAt: null },
  });
  return key;
};
const untilRefused = (processes: readonly KeyCheck[], key: string) =>
  waitFor(
    async () => (await Promise.all(processes.map((keys) => keys.check(key)))).every((caller) => caller === undefined),
    {
      what: 'every process refusing the key',
      deadlineMs: 5_000,
    },
  );

describe('A key that is revoked', () => {
  it.each([
    ['with its notice', false],
    ['though the notice is lost', true],
  ])('is refused by every process within five seconds, %s', async (_, isDeaf) => {
    const processes = [await openProcess({ isDeaf }), await openProcess({ isDeaf }), await openProcess({ isDeaf })];
    const key = await newKey();
    for (const keys of processes) expect(await keys.check(key)).toMatchObject({ accountId: 'acme' });
    await revokeKey(database.pool, 'acme', 'key_1');
    await untilRefused(processes, key);
  });

  it('because its account was closed is refused just so', async () => {
    const processes = [await openProcess(), await openProcess()];
    const key = await newKey();
    for (const keys of processes) expect(await keys.check(key)).toMatchObject({ accountId: 'acme' });
    await closeAccount(database.pool, 'acme');
    await untilRefused(processes, key);
  });
});
