import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { scopes } from '../../../../shared/contracts/accounts-api.ts';
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
  ingress.clear();
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys, rate_buckets');
});
const email = (from: string) => ({ from, text: 'Hi', recipients: [{ email: 'ann@example.org' }] });

describe('/v1/accounts', () => {
  it('makes an account, with an id of its own where none is given', async () => {
    const payload = { id: 'acme', name: 'Acme', senderDomains: ['Acme.Example', '*.acme.example', 'acme.example.'] };
    const answer = await ask(ingress, 'POST', '/v1/accounts', { payload });
    expect([answer.statusCode, answer.headers.location]).toEqual([201, '/v1/accounts/acme']);
    expect(answer.json()).toMatchObject({
      ...{ id: 'acme', name: 'Acme', senderDomains: ['acme.example', '*.acme.example'], closedAt: null },
      limits: { requestsPerMinute: expect.any(Number), recipientsPerMinute: expect.any(Number) },
    });
    const other = await ask(ingress, 'POST', '/v1/accounts', { payload: { name: 'Other' } });
    expect(other.json()).toMatchObject({ id: expect.stringMatching(/^acc_/), senderDomains: [] });
    expect((await ask(ingress, 'POST', '/v1/accounts', { payload })).statusCode).toBe(409);
    const list = await ask(ingress, 'GET', '/v1/accounts');
    expect(list.json<{ data: object[] }>().data).toHaveLength(3);
  });

  it.each<[string, object, number, string]>([
    ['a property nobody knows', { name: 'n', status: 'open' }, 400, '/status'],
    ['a limit nobody knows', { name: 'n', limits: { weight: 5 } }, 400, '/limits/weight'],
    ['a limit of nothing', { name: 'n', limits: { requestsPerMinute: 0 } }, 422, '/limits/requestsPerMinute'],
    ['an id that is none', { name: 'n', id: 'Ä' }, 422, '/id'],
    ['a domain that is none', { name: 'n', senderDomains: ['ok.example', 'a b'] }, 422, '/senderDomains/1'],
    ['every domain', { name: 'n', senderDomains: ['*'] }, 422, '/senderDomains/0'],
    ['a whole top-level domain', { name: 'n', senderDomains: ['*.example'] }, 422, '/senderDomains/0'],
  ])('refuses %s', async (_, payload, status, pointer) => {
    const answer = await ask(ingress, 'POST', '/v1/accounts', { payload });
    expect(answer.statusCode).toBe(status);
    expect(answer.json<{ errors: { pointer: string }[] }>().errors.map((error) => error.pointer)).toEqual([pointer]);
  });

  it('changes one, and what it may do changes with it', async () => {
    await makeAccount(ingress, 'acme');
    const { key } = await makeKeyFor(ingress, 'acme', ['send']);
    const send = (from: string) => ask(ingress, 'POST', '/v1/emails', { key, payload: email(from) });
    expect((await send('a@shop.acme.example')).statusCode).toBe(422);
    const payload = { senderDomains: ['*.acme.example'], limits: { recipientsPerMinute: 50 } };
    const answer = await ask(ingress, 'PATCH', '/v1/accounts/acme', { payload });
    expect(answer.json()).toMatchObject({
      name: 'acme',
      senderDomains: ['*.acme.example'],
      limits: { recipientsPerMinute: 50 },
    });
    // What the process knows of the key is renewed by the notice; here the test stands in for it.
    await ingress.app.close();
    ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
    expect((await send('a@shop.acme.example')).statusCode).toBe(202);
    expect((await send('a@acme.example')).statusCode).toBe(422);
    expect((await ask(ingress, 'PATCH', '/v1/accounts/nobody', { payload })).statusCode).toBe(404);
    expect((await ask(ingress, 'PATCH', '/v1/accounts/acme', { payload: { id: 'x' } })).statusCode).toBe(400);
  });

  it('closes one for good, but never that of the administrators', async () => {
    await makeAccount(ingress, 'acme');
    expect((await ask(ingress, 'DELETE', '/v1/accounts/acme')).statusCode).toBe(204);
    expect((await ask(ingress, 'GET', '/v1/accounts/acme')).json()).toMatchObject({ closedAt: expect.any(String) });
    expect((await ask(ingress, 'PATCH', '/v1/accounts/acme', { payload: { name: 'x' } })).statusCode).toBe(404);
    expect((await ask(ingress, 'DELETE', '/v1/accounts/nobody')).statusCode).toBe(404);
    expect((await ask(ingress, 'DELETE', '/v1/accounts/admin')).statusCode).toBe(409);
    const payload = { senderDomains: ['acme.example'] };
    expect((await ask(ingress, 'PATCH', '/v1/accounts/admin', { payload })).statusCode).toBe(409);
  });
});

describe('A sender', () => {
  it.each([
    ['News <news@acme.example>', 202],
    ['news@ACME.Example', 202],
    ['news@mail.acme.example', 422],
    ['news@evilacme.example', 422],
    ['news@acme.example.evil.org', 422],
    ['"news@acme.example" <news@evil.org>', 422],
    ['news@globex.example', 422],
  ])('%s of an account that has acme.example is answered %i', async (from, status) => {
    await makeAccount(ingress, 'acme');
    await makeAccount(ingress, 'globex');
    const { key } = await makeKeyFor(ingress, 'acme', ['send']);
    const answer = await ask(ingress, 'POST', '/v1/emails', { key, payload: email(from) });
    expect(answer.statusCode).toBe(status);
    if (status === 202) {
      expect(JSON.parse(ingress.published[0]?.value.toString() ?? '')).toMatchObject({ accountId: 'acme' });
    } else {
      expect(answer.json()).toMatchObject({ errors: [{ pointer: '/from' }] });
      expect(ingress.published).toEqual([]);
    }
  });

  it('of the administrators may be any', async () => {
    expect((await ask(ingress, 'POST', '/v1/emails', { payload: email('a@anything.org') })).statusCode).toBe(202);
  });
});

describe('A key without the scope', () => {
  it.each<[string, (typeof scopes)[number][], 'GET' | 'POST', string, object | undefined]>([
    ['send', ['read', 'admin', 'webhook-manage'], 'POST', '/v1/emails', email('a@acme.example')],
    ['read', ['send', 'admin', 'webhook-manage'], 'GET', '/v1/messages', undefined],
    ['admin', ['send', 'read', 'webhook-manage'], 'GET', '/v1/api-keys', undefined],
  ])('%s is answered 403', async (scope, given, method, url, payload) => {
    await makeAccount(ingress, 'acme');
    const { key } = await makeKeyFor(ingress, 'acme', given);
    const answer = await ask(ingress, method, url, { key, ...(payload && { payload }) });
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ status: 403, detail: `This needs a key with the scope ${scope}.` });
    expect(ingress.published).toEqual([]);
  });
});

it('A route of the fleet is closed to every account but the administrators’, whatever its scopes', async () => {
  await makeAccount(ingress, 'acme');
  const { key: tenant } = await makeKeyFor(ingress, 'acme', [...scopes]);
  const { key: reader } = await makeKeyFor(ingress, 'admin', ['read', 'send']);
  const { key: colleague } = await makeKeyFor(ingress, 'admin', ['admin']);
  const fleetRoutes = [...ingress.app.accessOf].filter(([, access]) => access !== 'open' && access.of === 'the fleet');
  expect(fleetRoutes.length).toBeGreaterThanOrEqual(10);
  for (const [route] of fleetRoutes) {
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace(':esp', 'sendgrid').replace(':id', 'acme');
    for (const key of [tenant, reader]) {
      expect([route, (await ask(ingress, method as 'GET', url, { key })).statusCode]).toEqual([route, 403]);
    }
  }
  expect((await ask(ingress, 'GET', '/v1/accounts', { key: colleague })).statusCode).toBe(200);
  expect((await ask(ingress, 'GET', '/v1/accounts/acme')).json()).toMatchObject({ closedAt: null });
});
