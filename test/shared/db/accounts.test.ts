import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  accountsChannel,
  changeAccount,
  closeAccount,
  insertAccount,
  listAccounts,
  loadAccount,
  loadSenderDomains,
} from '../../../shared/db/accounts.ts';
import { findUsableKeys, insertKey } from '../../../shared/db/api-keys.ts';
import { listenTo } from '../../../shared/db/listen.ts';
import { hashKey } from '../../../shared/domain/api-key.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openTransaction, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys');
});
const acme = { id: 'acme', name: 'Acme', senderDomains: ['acme.example'], limits: {} };
const aKey = (id: string, accountId = 'acme') => ({
  ...{
    id,
    accountId,
    name: 'n',
    prefix: 'mf_abcd0123',
    secretHash: hashKey(id),
    scopes: ['send'] as const,
    expiresAt: null,
  },
});

describe('Accounts', () => {
  it('begin with that of the administrators, which sends from every domain', async () => {
    expect(await loadAccount(database.pool, 'admin')).toMatchObject({ senderDomains: ['*'], closedAt: null });
  });

  it('are made once for an id, even after they are closed', async () => {
    expect(await insertAccount(database.pool, acme)).toMatchObject({ id: 'acme', name: 'Acme', closedAt: null });
    expect(await insertAccount(database.pool, { ...acme, name: 'Other' })).toBeUndefined();
    await closeAccount(database.pool, 'acme');
    expect(await insertAccount(database.pool, acme)).toBeUndefined();
  });

  it('change only in what is named, and a limit of null is the usual one again', async () => {
    const made = await insertAccount(database.pool, {
      ...acme,
      limits: { requestsPerMinute: 5, recipientsPerMinute: 7 },
    });
    expect(made?.limits).toEqual({ requestsPerMinute: 5, recipientsPerMinute: 7 });
    const changed = await changeAccount(database.pool, 'acme', { limits: { requestsPerMinute: null } });
    expect(changed).toMatchObject({ name: 'Acme', senderDomains: ['acme.example'] });
    expect(changed?.limits.recipientsPerMinute).toBe(7);
    expect(changed?.limits.requestsPerMinute).toBeGreaterThan(1_000);
    expect(await changeAccount(database.pool, 'acme', { senderDomains: [] })).toMatchObject({ senderDomains: [] });
    expect(await changeAccount(database.pool, 'nobody', { name: 'x' })).toBeUndefined();
  });

  it('are listed by id, a page after the other', async () => {
    for (const id of ['c', 'b', 'a']) await insertAccount(database.pool, { ...acme, id });
    expect((await listAccounts(database.pool, '', 2)).map(({ id }) => id)).toEqual(['a', 'admin', 'b']);
    expect((await listAccounts(database.pool, 'admin', 2)).map(({ id }) => id)).toEqual(['b', 'c']);
  });

  it('that are closed lose their keys with it, and send from nowhere', async () => {
    await insertAccount(database.pool, acme);
    await insertKey(database.pool, aKey('key_1'));
    expect(await loadSenderDomains(database.pool, ['acme', 'nobody'])).toEqual(new Map([['acme', ['acme.example']]]));
    expect(await closeAccount(database.pool, 'acme')).toBe(true);
    expect(await loadSenderDomains(database.pool, ['acme'])).toEqual(new Map());
    expect(await findUsableKeys(database.pool, [hashKey('key_1')])).toEqual(new Map());
    expect(await changeAccount(database.pool, 'acme', { name: 'x' })).toBeUndefined();
    expect(await insertKey(database.pool, aKey('key_2'))).toBeUndefined();
  });

  it('are not closed twice, nor is that of the administrators', async () => {
    await insertAccount(database.pool, acme);
    await closeAccount(database.pool, 'acme');
    const first = (await loadAccount(database.pool, 'acme'))?.closedAt;
    expect(await closeAccount(database.pool, 'acme')).toBe(true);
    expect((await loadAccount(database.pool, 'acme'))?.closedAt).toEqual(first);
    expect(await closeAccount(database.pool, 'admin')).toBe(false);
    expect(await closeAccount(database.pool, 'nobody')).toBe(false);
    expect((await loadAccount(database.pool, 'admin'))?.closedAt).toBeNull();
  });

  it('get no key while they are being closed', async () => {
    await insertAccount(database.pool, acme);
    const closing = await openTransaction(database.pool);
    await closing.db.query(`update accounts set closed_at = now() where id = 'acme'`);
    const made = insertKey(database.pool, aKey('key_1'));
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the key waiting for the account' });
    await closing.commit();
    expect(await made).toBeUndefined();
  });

  it('tell every process of a change', async () => {
    await insertAccount(database.pool, acme);
    let notices = 0;
    const listener = listenTo(database.url, accountsChannel, () => {
      notices += 1;
    });
    try {
      await waitFor(() => notices === 1, { what: 'the listener' });
      await changeAccount(database.pool, 'acme', { name: 'New' });
      await waitFor(() => notices === 2, { what: 'the notice of the change' });
      await closeAccount(database.pool, 'acme');
      await waitFor(() => notices === 3, { what: 'the notice of the end' });
    } finally {
      await listener.close();
    }
  });
});
