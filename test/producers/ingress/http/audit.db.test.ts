import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../../shared/db/claim-messages.ts';
import { insertRequests } from '../../../../shared/db/requests.ts';
import { aMessage, alterMessage, aRequest, useDatabase } from '../../../shared/db/tables.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
let acme: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
  acme = await testIngress({
    pool: database.pool,
    keys: keysOf('acme'),
  });
});
afterAll(() => Promise.all([ingress.app.close(), acme.app.close()]));

const audit = async (query: string, of = ingress) => {
  const answer = await of.app.inject({ method: 'GET', url: `/v1/audit?${query}`, headers: withKey });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
};
const lately = `since=${new Date(Date.now() - 3_600_000).toISOString()}`;

const store = async (id: string, accountId: string, total: number, rows: readonly (readonly [string, string])[]) => {
  await insertRequests(database.pool, [aRequest(id, { total, accountId })]);
  for (const [position, [esp, status]] of rows.entries()) {
    const message = aMessage({ requestId: id, accountId, esp, position });
    await insertAndClaim(database.pool, [message], randomUUID());
    await alterMessage(
      database.pool,
      message.id,
      `status = '${status}', duplicate_suspected = ${status === 'bounced'}`,
    );
  }
};

it('accounts for everything, in all and by ESP', async () => {
  await store('r1', 'admin', 6, [
    ['alpha', 'delivered'],
    ['alpha', 'bounced'],
    ['beta', 'failed'],
    ['beta', 'unknown'],
    ['alpha', 'suppressed'],
  ]);
  await store('r2', 'acme', 1, [['beta', 'sent']]);
  expect(await audit(lately)).toEqual({
    status: 200,
    body: {
      since: expect.any(String),
      until: expect.any(String),
      cut: false,
      accountId: null,
      ...{ requests: 2, accepted: 7, sent: 3, suppressed: 1, failed: 1, cancelled: 0, pending: 2, balanced: true },
      duplicatesSuspected: 1,
      states: { delivered: 1, bounced: 1, failed: 1, unknown: 1, suppressed: 1, sent: 1 },
      byEsp: [
        { esp: 'alpha', messages: 3, sent: 2, suppressed: 1, failed: 0, cancelled: 0, pending: 0 },
        { esp: 'beta', messages: 3, sent: 1, suppressed: 0, failed: 1, cancelled: 0, pending: 1 },
      ],
      uneven: [{ id: 'r1', total: 6, rows: 5 }],
    },
  });
  expect((await audit(lately, acme)).body).toMatchObject({ accountId: 'acme', accepted: 1, sent: 1, balanced: true });
  expect((await audit(`${lately}&accountId=acme`)).body).toMatchObject({ accountId: 'acme', accepted: 1 });
  expect((await audit(`${lately}&accountId=admin`, acme)).status).toBe(404);
});

it('says so when it does not add up', async () => {
  await store('r1', 'admin', 1, [
    ['alpha', 'sent'],
    ['alpha', 'sent'],
  ]);
  expect((await audit(lately)).body).toMatchObject({ balanced: false, uneven: [{ id: 'r1', total: 1, rows: 2 }] });
});

it('looks at 31 days at most and says so; a period that ends before it begins holds nothing', async () => {
  expect((await audit('since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z')).body).toMatchObject({
    ...{ requests: 0, accepted: 0, balanced: true, byEsp: [] },
  });
  expect((await audit('since=2026-01-01T00:00:00Z&until=2026-02-02T00:00:00Z')).body).toMatchObject({
    since: '2026-01-02T00:00:00.000Z',
    cut: true,
  });
  expect((await audit('since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z')).body).toMatchObject({ requests: 0 });
  expect((await audit('since=2026-01-02T00:00:00%2B17:54')).body).toMatchObject({ cut: true });
  expect((await audit('since=0071-12-10T14:20:51Z')).status).toBe(422);
  expect((await audit('since=yesterday')).status).toBe(422);
  expect((await audit('')).status).toBe(422);
});
