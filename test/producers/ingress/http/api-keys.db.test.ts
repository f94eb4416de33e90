import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { scopes } from '../../../../shared/contracts/accounts-api.ts';
import { hashKey } from '../../../../shared/domain/api-key.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from './accounts-world.ts';
import { testIngress, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
});
afterAll(() => ingress.app.close());
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys, rate_buckets');
  await makeAccount(ingress, 'acme');
  await makeAccount(ingress, 'globex');
});

interface Listed {
  readonly data: readonly {
    readonly id: string;
    readonly revokedAt: string | null;
    readonly lastUsedAt: string | null;
  }[];
}
const listed = async (key: string, query = '') =>
  (await ask(ingress, 'GET', `/v1/api-keys${query}`, { key })).json<Listed>();
const pointersOf = (body: { errors?: { pointer: string }[] }): string[] =>
  (body.errors ?? []).map(({ pointer }) => pointer);

describe('A key', () => {
  it('is shown when it is made and never again; what is stored is its hash', async () => {
    const { key: manager } = await makeKeyFor(ingress, 'acme', [...scopes]);
    const payload = { name: 'shop', scopes: ['send', 'read'], expiresAt: '2100-01-01T00:00:00Z' };
    const answer = await ask(ingress, 'POST', '/v1/api-keys', { key: manager, payload });
    expect(answer.statusCode).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    const made = answer.json<{ id: string; key: string; prefix: string }>();
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^key_/), accountId: 'acme', name: 'shop', scopes: ['send', 'read'] },
      ...{ key: expect.stringMatching(/^mf_/), prefix: made.key.slice(0, 11), createdAt: expect.any(String) },
      ...{ expiresAt: '2100-01-01T00:00:00.000Z', lastUsedAt: null, revokedAt: null },
    });
    const list = await ask(ingress, 'GET', '/v1/api-keys', { key: manager });
    expect(list.body).toContain(made.id);
    expect(list.body).not.toContain(made.key.slice(12));
    const { rows } = await database.pool.query<{ secret_hash: Buffer; row: string }>(
      'select secret_hash, k::text as row from api_keys k where id = $1',
      [made.id],
    );
    expect(rows[0]?.secret_hash).toEqual(hashKey(made.key));
    expect(rows[0]?.row).not.toContain(made.key.slice(12));
  });

  it('works from then on, until it is revoked - and then nowhere', async () => {
    const { id, key } = await makeKeyFor(ingress, 'acme', ['read', 'admin']);
    const other = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
    expect((await ask(ingress, 'GET', '/v1/messages', { key })).statusCode).toBe(200);
    expect((await ask(ingress, 'DELETE', `/v1/api-keys/${id}`, { key })).statusCode).toBe(204);
    const [entry] = (await listed((await makeKeyFor(ingress, 'acme', ['admin'])).key)).data.filter(
      (one) => one.id === id,
    );
    expect(entry?.revokedAt).not.toBeNull();
    const answer = await ask(other, 'GET', '/v1/messages', { key });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ detail: 'Send a valid key as Authorization: Bearer <key>.' });
    await other.app.close();
  });

  it('cannot give what it lacks', async () => {
    const { key } = await makeKeyFor(ingress, 'acme', ['admin', 'read']);
    const payload = { name: 'more', scopes: ['read', 'send', 'webhook-manage'] };
    const answer = await ask(ingress, 'POST', '/v1/api-keys', { key, payload });
    expect(answer.statusCode).toBe(422);
    expect(pointersOf(answer.json())).toEqual(['/scopes/1', '/scopes/2']);
    expect(
      (await ask(ingress, 'POST', '/v1/api-keys', { key, payload: { name: 'n', scopes: ['read'] } })).statusCode,
    ).toBe(201);
  });

  it.each<[string, object, number, string]>([
    ['an unknown property', { name: 'n', scopes: ['read'], role: 'admin' }, 400, '/role'],
    ['no scope', { name: 'n', scopes: [] }, 422, '/scopes'],
    ['an unknown scope', { name: 'n', scopes: ['root'] }, 422, '/scopes/0'],
    ['no name', { scopes: ['read'] }, 422, '/name'],
    ['a time that is over', { name: 'n', scopes: ['read'], expiresAt: '2020-01-01T00:00:00Z' }, 409, '/expiresAt'],
    ['an account id that is none', { name: 'n', scopes: ['read'], accountId: 'A b' }, 422, '/accountId'],
  ])('is not made with %s', async (_, payload, status, pointer) => {
    const answer = await ask(ingress, 'POST', '/v1/api-keys', { payload });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(pointersOf(answer.json())).toEqual([pointer]);
  });

  it('of a closed account is refused', async () => {
    const { key } = await makeKeyFor(ingress, 'acme', ['read']);
    expect((await ask(ingress, 'DELETE', '/v1/accounts/acme')).statusCode).toBe(204);
    expect((await ask(ingress, 'GET', '/v1/messages', { key })).statusCode).toBe(401);
    const payload = { name: 'n', scopes: ['read'], accountId: 'acme' };
    expect((await ask(ingress, 'POST', '/v1/api-keys', { payload })).statusCode).toBe(404);
  });

  it('lists page after page', async () => {
    const { key } = await makeKeyFor(ingress, 'acme', ['admin']);
    for (let n = 0; n < 4; n += 1) await makeKeyFor(ingress, 'acme', ['read']);
    const first = await listed(key, '?limit=3');
    expect(first).toMatchObject({ hasMore: true });
    const second = await listed(key, `?limit=3&after=${first.data[2]?.id ?? ''}`);
    expect(second).toMatchObject({ hasMore: false });
    expect(new Set([...first.data, ...second.data].map(({ id }) => id)).size).toBe(5);
  });
});

describe('The administrators of the fleet', () => {
  it('see and revoke the keys of any account that they name', async () => {
    const { id, key } = await makeKeyFor(ingress, 'acme', ['read']);
    const list = await ask(ingress, 'GET', '/v1/api-keys?accountId=acme');
    expect(list.json<Listed>().data.map((one) => one.id)).toEqual([id]);
    expect((await ask(ingress, 'DELETE', `/v1/api-keys/${id}`)).statusCode).toBe(404);
    expect((await ask(ingress, 'DELETE', `/v1/api-keys/${id}?accountId=acme`)).statusCode).toBe(204);
    expect((await ask(ingress, 'GET', '/v1/messages', { key })).statusCode).toBe(401);
  });

  it('make keys for accounts that exist', async () => {
    const payload = { name: 'n', scopes: ['read'], accountId: 'nobody' };
    expect((await ask(ingress, 'POST', '/v1/api-keys', { payload })).statusCode).toBe(404);
  });
});
