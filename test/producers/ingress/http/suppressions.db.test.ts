// The account's list of whom it does not mail: over JSON, as a file, and by the links in its mail.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { deliveryEvent } from '../../../../shared/contracts/delivery.ts';
import type { Pool } from '../../../../shared/db/connect.ts';
import { beginErasure } from '../../../../shared/db/erase-recipient.ts';
import { listSuppressions, loadSuppressions } from '../../../../shared/db/suppressions.ts';
import { makeUnsubscribeToken, unsubscribeKey } from '../../../../shared/domain/unsubscribe-link.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { adminKey, keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let acme: TestIngress;
let globex: TestIngress;
let unstored: TestIngress;
beforeAll(async () => {
  acme = await testIngress({ pool: database.pool, keys: keysOf('acme') });
  globex = await testIngress({ pool: database.pool, keys: keysOf('globex') });
  const away = () => Promise.reject(new InfrastructureError('postgres-away', 'away'));
  unstored = await testIngress({ pool: { query: away, transaction: away, end: away } as Pool });
});
afterAll(() => Promise.all([acme.app.close(), globex.app.close(), unstored.app.close()]));
beforeEach(() => {
  for (const ingress of [acme, unstored]) ingress.clear();
});

type Method = 'GET' | 'POST' | 'DELETE';
const ask = async (method: Method, path: string, payload?: object, of = acme) => {
  const url = `/v1/suppressions${path}`;
  const answer = await of.app.inject({ method, url, headers: withKey, ...(payload === undefined ? {} : { payload }) });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
};
const file = async (text: string | Buffer, of = acme) => {
  const headers = { ...withKey, 'content-type': 'text/csv; charset=utf-8' };
  const answer = await of.app.inject({ method: 'POST', url: '/v1/suppressions', headers, payload: text });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
};
const listed = async (path = '', of = acme): Promise<unknown[]> => {
  const { body } = await ask('GET', path, undefined, of);
  return (body['data'] as { email: string; list: string | null; reason: string; scope: string }[]).map(
    ({ email, list, reason, scope }) => [email, list, reason, scope],
  );
};

describe('/v1/suppressions', () => {
  it('takes one and many, tells how many are new, and lists them newest first', async () => {
    expect(await ask('POST', '', { email: 'Ann <Ann@Example.org>' })).toEqual({
      status: 200,
      body: { received: 1, added: 1, rejected: 0, errors: [] },
    });
    const suppressions = [
      { email: 'ann@example.org' },
      { email: 'bob@example.org', list: 'news', reason: 'unsubscribe' },
      { email: 'cat@example.org', reason: 'complaint' },
    ];
    expect((await ask('POST', '', { suppressions })).body).toMatchObject({ received: 3, added: 2 });
    expect((await listed()).sort()).toEqual([
      ['ann@example.org', null, 'manual', 'all'],
      ['bob@example.org', 'news', 'unsubscribe', 'list'],
      ['cat@example.org', null, 'complaint', 'promotional'],
    ]);
    expect(await listed('?email=ANN@example.org')).toHaveLength(1);
    expect(await listed('?reason=complaint')).toHaveLength(1);
    expect(await listed('?list=news')).toHaveLength(1);
    const { body } = await ask('GET', '?limit=2');
    expect(body['hasMore']).toBe(true);
    const { id } = (body['data'] as { id: number }[])[1] ?? { id: 0 };
    expect(await listed(`?limit=2&after=${id}`)).toHaveLength(1);
  });

  it('removes all of an address, or one; by query and by path', async () => {
    const email = 'ann@example.org';
    await ask('POST', '', { suppressions: [{ email }, { email, list: 'a' }, { email, list: 'b' }] });
    expect(await ask('DELETE', '?email=ann@example.org&list=a')).toEqual({ status: 200, body: { removed: 1 } });
    expect(await listed()).toHaveLength(2);
    expect(await ask('DELETE', '/Ann%40example.org')).toEqual({ status: 200, body: { removed: 2 } });
    expect((await ask('DELETE', '?email=ann@example.org')).status).toBe(404);
  });

  it('shows and changes nothing of another account', async () => {
    await ask('POST', '', { email: 'ann@example.org' });
    expect(await listed('', globex)).toEqual([]);
    expect((await ask('DELETE', '?email=ann@example.org', undefined, globex)).status).toBe(404);
    expect(await listed()).toHaveLength(1);
  });

  it.each([
    [{ email: 'nobody' }, 422],
    [{ email: 'ann@example.org', list: 'a\r\nBcc: x@y.example' }, 422],
    [{ email: 'ann@example.org', reason: 'because' }, 422],
    [{ suppressions: [] }, 422],
    [{ suppressions: Array(10_001).fill({ email: 'a@b.example' }) }, 422],
    [{}, 422],
  ])('refuses %#', async (payload, status) => {
    expect((await ask('POST', '', payload)).status).toBe(status);
    expect(await listed()).toEqual([]);
  });

  it('refuses properties that are ours', async () => {
    for (const ours of [{ accountId: 'globex' }, { scope: 'all' }]) {
      expect((await ask('POST', '', { email: 'ann@example.org', ...ours })).status).toBeGreaterThanOrEqual(400);
    }
    expect(await listed()).toEqual([]);
  });
});

describe('A file of suppressions', () => {
  it('is taken line by line; each bad line is told by its number', async () => {
    const text = [
      '\ufeffName,E-Mail,List,Reason',
      'Ann,ann@example.org,,',
      'Bob,bob@example.org,news,unsubscribe',
      'Cat,cat at example.org,,',
      '"Dan, the ""man""","dan@example.org","a\nb",',
      'Eve,eve@example.org,,because',
      '',
      "Fay,'+fay@example.org,,complaint",
    ].join('\r\n');
    expect(await file(text)).toMatchObject({
      status: 200,
      body: {
        ...{ received: 6, added: 3, rejected: 3 },
        errors: [
          { line: 4, detail: 'has no valid email address' },
          { line: 5, detail: 'has a list whose name cannot be used' },
          { line: 7, detail: expect.stringContaining('has a reason that is none of') },
        ],
      },
    });
    expect((await listed()).sort()).toEqual([
      ['+fay@example.org', null, 'complaint', 'promotional'],
      ['ann@example.org', null, 'import', 'all'],
      ['bob@example.org', 'news', 'unsubscribe', 'list'],
    ]);
  });

  it('without a heading is a list of addresses; 30,000 of them are taken, and come back as a file', async () => {
    const lines = Array.from({ length: 30_000 }, (_, index) => `u${index}@example.org`);
    expect(await file(lines.join('\n'))).toMatchObject({ status: 200, body: { received: 30_000, added: 30_000 } });
    const headers = { ...withKey, accept: 'text/csv' };
    const answer = await acme.app.inject({ method: 'GET', url: '/v1/suppressions', headers });
    expect(answer.headers['content-type']).toContain('text/csv');
    const [heading, ...rows] = answer.body.trimEnd().split('\r\n');
    expect(heading).toBe('email,list,reason,scope,esp,createdAt');
    expect(new Set(rows.map((row) => row.split(',')[0]))).toEqual(new Set(lines));
  });

  it('guards the cells that a spreadsheet would compute, and takes them back as they were', async () => {
    const hostile = [
      { email: '=1+1@example.org', list: '=cmd|x' },
      { email: '+a@example.org', list: '@b,"c"' },
    ];
    await ask('POST', '', { suppressions: hostile });
    const headers = { ...withKey, accept: 'text/csv' };
    const { body } = await acme.app.inject({ method: 'GET', url: '/v1/suppressions', headers });
    for (const line of body.split('\r\n')) expect(line).not.toMatch(/(^|,)"?[=+\-@]/);
    await file(body, globex);
    expect((await listed('', globex)).map((row) => (row as string[]).slice(0, 2)).sort()).toEqual(
      hostile.map(({ email, list }) => [email, list]).sort(),
    );
  });

  it('that is too large, or whose row never ends, is refused', async () => {
    expect((await file(Buffer.alloc(21_000_000, 'a'))).status).toBe(413);
    expect((await file(`"${'a'.repeat(20_000)}`)).status).toBe(422);
    const payload = { suppressions: [{ email: 'a@b.example' }], more: 'x'.repeat(1_100_000) };
    expect((await ask('POST', '', payload)).status).toBe(413);
  });
});

describe('An erased recipient', () => {
  it('has no address left, and is not mailed all the same', async () => {
    await ask('POST', '', { email: 'Ann@example.org' });
    await beginErasure(database.pool, { accountId: 'acme', email: 'ann@example.org', requestedBy: 'acme' });
    expect((await listSuppressions(database.pool, 'acme', { limit: 5 })).map(({ email }) => email)).toEqual([null]);
    const find = await loadSuppressions(database.pool, [{ accountId: 'acme', email: 'ANN@example.org' }]);
    expect(find('acme', 'ann@EXAMPLE.org', { messageClass: 'transactional', list: null })).toMatchObject({
      scope: 'all',
    });
    const headers = { ...withKey, accept: 'text/csv' };
    expect((await acme.app.inject({ method: 'GET', url: '/v1/suppressions', headers })).body).not.toContain('@');
  });
});

describe('A link to unsubscribe', () => {
  const claim = {
    ...{ accountId: 'acme', email: 'ann@example.org', list: `<b onclick='x'>"news"&` },
    messageId: '01890a5d-0000-7000-8000-000000000000',
  };
  const token = makeUnsubscribeToken(unsubscribeKey(adminKey), claim);
  const visit = (of: TestIngress, method: 'GET' | 'POST' | 'HEAD', with_ = token, payload?: string, type?: string) =>
    of.app.inject({
      ...{ method, url: `/u/${with_}` },
      ...(payload === undefined
        ? {}
        : { payload, headers: { 'content-type': type ?? 'application/x-www-form-urlencoded' } }),
    });
  const oneClick = 'List-Unsubscribe=One-Click';

  it('shows a page that asks and changes nothing, without scripts, and with all text escaped', async () => {
    for (const method of ['GET', 'HEAD'] as const) expect((await visit(acme, method)).statusCode).toBe(200);
    const { body, headers } = await visit(acme, 'GET');
    expect(body).toContain('&lt;b onclick=&#39;x&#39;&gt;&quot;news&quot;&amp;');
    expect(body).toContain('<form method="post">');
    expect(body).not.toMatch(/<script|<b /);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(await listed()).toEqual([]);
    expect(acme.published).toEqual([]);
  });

  it.each([
    ['as a form', oneClick, undefined],
    [
      'as parts',
      `--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n`,
      'multipart/form-data; boundary=x',
    ],
  ])('unsubscribes by a POST %s, without a key, and as often as it comes', async (_form, payload, type) => {
    for (let time = 0; time < 2; time += 1)
      expect((await visit(acme, 'POST', token, payload, type)).statusCode).toBe(200);
    expect(await listed()).toEqual([['ann@example.org', claim.list, 'unsubscribe', 'list']]);
    const event = deliveryEvent.parse(JSON.parse(String(acme.published[0]?.value)));
    expect(event).toMatchObject({
      ...{ type: 'unsubscribed', domain: 'example.org', recipient: 'ann@example.org' },
      ...{ messageId: `msg_${claim.messageId}`, unsubscribe: { accountId: 'acme', list: claim.list } },
    });
    expect(new Set(acme.published.map(({ value }) => (JSON.parse(String(value)) as { id: string }).id)).size).toBe(1);
  });

  it('is good as long as Kafka or Postgres is there', async () => {
    acme.failWith(new InfrastructureError('kafka-away', 'away'));
    expect((await visit(acme, 'POST', token, oneClick)).statusCode).toBe(200);
    expect((await visit(unstored, 'POST', token, oneClick)).statusCode).toBe(200);
    expect(unstored.published).toHaveLength(1);
    unstored.failWith(new InfrastructureError('kafka-away', 'away'));
    expect((await visit(unstored, 'POST', token, oneClick)).statusCode).toBe(503);
  });

  it.each([
    ['a token that was changed', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, oneClick],
    ['no token', '%20', oneClick],
    ['another form', token, 'confirm=1'],
    ['no form', token, undefined],
  ])('does nothing by a POST with %s', async (_what, with_, payload) => {
    const answer = await visit(acme, 'POST', with_, payload);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8']);
    expect(await listed()).toEqual([]);
    expect(acme.published).toEqual([]);
  });
});
