import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../../shared/db/claim-messages.ts';
import { insertRequests } from '../../../../shared/db/requests.ts';
import { aMessage, aRequest, storedMessage, useDatabase } from '../../../shared/db/tables.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
afterAll(() => ingress.app.close());
const call = (method: 'GET' | 'DELETE', url: string) => ingress.app.inject({ method, url, headers: withKey });

it('erases a recipient and tells how far that is, without the address', async () => {
  const message = aMessage({ requestId: 'r1', email: 'ann@example.org', name: 'Ann' });
  await insertRequests(database.pool, [aRequest('r1')]);
  await insertAndClaim(database.pool, [message], randomUUID());
  const answer = await call('DELETE', '/v1/recipients/Ann%40Example.ORG');
  expect([answer.statusCode, answer.json()]).toEqual([
    202,
    expect.objectContaining({ status: 'running', messages: 1, doneAt: null }),
  ]);
  expect(await storedMessage(database.pool, message.id)).toMatchObject({ email: 'erased@erased.invalid', name: null });
  const asked = await call('GET', String(answer.headers.location));
  expect([asked.statusCode, asked.json()]).toEqual([200, answer.json()]);
  expect(asked.body).not.toMatch(/ann@/i);
});

it('refuses what is no address, and knows no erasure that is none', async () => {
  expect((await call('DELETE', '/v1/recipients/ann')).statusCode).toBe(422);
  expect((await call('DELETE', '/v1/recipients/a%40b.example%2Cc%40d.example')).statusCode).toBe(422);
  expect((await call('GET', '/v1/erasures/999')).statusCode).toBe(404);
  expect((await call('GET', '/v1/erasures/x')).statusCode).toBe(422);
});
