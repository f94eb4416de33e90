import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { IngressContext } from '../../../../producers/ingress/http/ingress-context.ts';
import { makeKey } from '../../../../shared/domain/api-key.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from './accounts-world.ts';
import { adminKey, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let opened: TestIngress[] = [];
/** A process of its own on the common tables. */
const openIngress = async (more: Partial<IngressContext> = {}): Promise<TestIngress> => {
  const ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool), ...more });
  opened.push(ingress);
  return ingress;
};
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  await database.pool.query('truncate api_keys, rate_buckets');
});
afterEach(async () => {
  await Promise.all(opened.map(({ app }) => app.close()));
  opened = [];
});
const wrongKey = () => makeKey(randomBytes).key;
const email = (count: number) => ({
  ...{ from: 'a@acme.example', text: 'Hi' },
  recipients: Array.from({ length: count }, (_, index) => ({ email: `u${index}@example.org` })),
});

describe('Requests of a key', () => {
  it('are limited over all processes together; then 429, and when to come again', async () => {
    const processes = [await openIngress(), await openIngress(), await openIngress()];
    const [first] = processes;
    if (first === undefined) throw new TypeError('no process');
    await makeAccount(first, 'acme', { limits: { requestsPerMinute: 30 } });
    const { key } = await makeKeyFor(first, 'acme', ['read']);
    const { key: sibling } = await makeKeyFor(first, 'acme', ['read']);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => ask(processes[n % 3] ?? first, 'GET', '/v1/messages', { key })),
    );
    const granted = answers.filter(({ statusCode }) => statusCode === 200).length;
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(granted + refused.length).toBe(60);
    expect(granted).toBeGreaterThanOrEqual(20);
    // Thirty, and one more for every two seconds that it took.
    expect(granted).toBeLessThanOrEqual(33);
    for (const { headers, body } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(JSON.parse(body)).toMatchObject({ status: 429, title: 'Too many requests' });
    }
    // Each key has its own.
    expect((await ask(first, 'GET', '/v1/messages', { key: sibling })).statusCode).toBe(200);
  });

  it('are limited for the account too: however many keys it makes, they have ten keys’ worth', async () => {
    const ingress = await openIngress();
    await makeAccount(ingress, 'acme', { limits: { requestsPerMinute: 4 } });
    const keys = await Promise.all(Array.from({ length: 20 }, () => makeKeyFor(ingress, 'acme', ['read'])));
    const answers = await Promise.all(
      keys.flatMap(({ key }) => Array.from({ length: 4 }, () => ask(ingress, 'GET', '/v1/messages', { key }))),
    );
    const granted = answers.filter(({ statusCode }) => statusCode === 200).length;
    expect(granted).toBeGreaterThanOrEqual(30);
    // Forty, and two more for every three seconds that it took.
    expect(granted).toBeLessThanOrEqual(44);
  });

  it('with the key of the environment have no limit', async () => {
    const ingress = await openIngress({ addressLimits: { requestsPerMinute: 1, failuresPerMinute: 1 } });
    for (let n = 0; n < 50; n += 1) expect((await ask(ingress, 'GET', '/v1/messages')).statusCode).toBe(200);
  });
});

describe('Recipients of a key', () => {
  it('are counted, each request as a whole', async () => {
    const ingress = await openIngress();
    await makeAccount(ingress, 'acme', { limits: { recipientsPerMinute: 10 } });
    const { key } = await makeKeyFor(ingress, 'acme', ['send']);
    const send = (count: number) => ask(ingress, 'POST', '/v1/emails', { key, payload: email(count) });
    expect((await send(8)).statusCode).toBe(202);
    const refused = await send(8);
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(10);
    expect(ingress.published).toHaveLength(1);
  });

  it('that are more than a minute’s worth in one request are refused for good, at their place', async () => {
    const ingress = await openIngress();
    await makeAccount(ingress, 'acme', { limits: { recipientsPerMinute: 10 } });
    const { key } = await makeKeyFor(ingress, 'acme', ['send']);
    const answer = await ask(ingress, 'POST', '/v1/emails', { key, payload: email(11) });
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ pointer: '/recipients' }] });
  });
});

describe('An address', () => {
  const few = { addressLimits: { requestsPerMinute: 60_000, failuresPerMinute: 5 } };
  const guess = (ingress: TestIngress, more: { readonly remoteAddress?: string; readonly forwarded?: string } = {}) =>
    ingress.app.inject({
      method: 'GET',
      url: '/v1/messages',
      remoteAddress: more.remoteAddress ?? '192.0.2.1',
      headers: {
        authorization: `Bearer ${wrongKey()}`,
        ...(more.forwarded === undefined ? {} : { 'x-forwarded-for': more.forwarded }),
      },
    });
  const untilClosed = (ingress: TestIngress) =>
    waitFor(async () => (await guess(ingress)).statusCode === 429, { what: 'the address being closed out' });

  it('that guesses keys is answered 429, here and at every other process', async () => {
    const [one, two] = [await openIngress(few), await openIngress(few)];
    expect((await guess(one)).statusCode).toBe(401);
    await untilClosed(one);
    await untilClosed(two);
    const noKey = await one.app.inject({ method: 'GET', url: '/v1/messages', remoteAddress: '192.0.2.1' });
    expect(noKey.statusCode).toBe(429);
    expect((await guess(one, { remoteAddress: '192.0.2.2' })).statusCode).toBe(401);
  });

  it('that is closed out still lets through the keys that were valid before', async () => {
    const ingress = await openIngress(few);
    await makeAccount(ingress, 'acme');
    const { key } = await makeKeyFor(ingress, 'acme', ['read']);
    const asOwner = (authorization: string) =>
      ingress.app.inject({
        method: 'GET',
        url: '/v1/messages',
        remoteAddress: '192.0.2.1',
        headers: { authorization },
      });
    expect((await asOwner(`Bearer ${key}`)).statusCode).toBe(200);
    await untilClosed(ingress);
    expect((await asOwner(`Bearer ${key}`)).statusCode).toBe(200);
    expect((await asOwner(`Bearer ${adminKey}`)).statusCode).toBe(200);
  });

  it('does not escape by X-Forwarded-For, whatever it writes there', async () => {
    const ingress = await openIngress(few);
    await waitFor(
      async () =>
        (await guess(ingress, { forwarded: `203.0.113.${Math.ceil(Math.random() * 250)}` })).statusCode === 429,
      { what: 'the address being closed out' },
    );
  });

  it('is the one that a trusted proxy names, and no other that the caller put before it', async () => {
    const ingress = await openIngress({ ...few, trustedProxies: ['192.0.2.0/24'] });
    const from = (client: string) => guess(ingress, { forwarded: `${Math.random()}, 198.51.100.9, ${client}` });
    await waitFor(async () => (await from('203.0.113.5')).statusCode === 429, { what: 'the client being closed out' });
    expect((await from('203.0.113.6')).statusCode).toBe(401);
    // Another peer is no proxy: what it writes counts for nothing.
    const stranger = { remoteAddress: '198.51.100.1', forwarded: '203.0.113.5' };
    expect((await guess(ingress, stranger)).statusCode).toBe(401);
  });

  it('that rotates through its own IPv6 network is one address', async () => {
    const ingress = await openIngress(few);
    let n = 0;
    await waitFor(
      async () => (await guess(ingress, { remoteAddress: `2001:db8::${(n += 1).toString(16)}` })).statusCode === 429,
      {
        what: 'the network being closed out',
      },
    );
  });

  it('has a limit with valid keys too, whichever it takes', async () => {
    const ingress = await openIngress({ addressLimits: { requestsPerMinute: 20, failuresPerMinute: 100 } });
    await makeAccount(ingress, 'acme');
    const keys = await Promise.all([1, 2, 3].map(() => makeKeyFor(ingress, 'acme', ['read'])));
    const answers = await Promise.all(
      Array.from({ length: 45 }, (_, n) => ask(ingress, 'GET', '/v1/messages', { key: keys[n % 3]?.key ?? '' })),
    );
    const granted = answers.filter(({ statusCode }) => statusCode === 200).length;
    expect(granted).toBeGreaterThan(10);
    expect(granted).toBeLessThanOrEqual(22);
  });

  it('of webhooks and probes has none', async () => {
    const ingress = await openIngress({ addressLimits: { requestsPerMinute: 1, failuresPerMinute: 1 } });
    for (let n = 0; n < 20; n += 1) {
      const live = await ingress.app.inject({ method: 'GET', url: '/health/live', headers: withKey });
      const webhook = await ingress.app.inject({ method: 'POST', url: '/webhooks/nobody', payload: {} });
      expect([live.statusCode, webhook.statusCode]).toEqual([200, 404]);
    }
  });
});
