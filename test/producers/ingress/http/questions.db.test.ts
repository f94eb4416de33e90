import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../../shared/db/claim-messages.ts';
import { addToDomains } from '../../../../shared/db/domain-counters.ts';
import { insertRequests, storeRequestPlans } from '../../../../shared/db/requests.ts';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { messageIdsOf, publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { aMessage, alterMessage, aRequest, useDatabase } from '../../../shared/db/tables.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
beforeEach(() => {
  ingress.clear();
});
afterAll(() => ingress.app.close());

const get = (url: string) => ingress.app.inject({ method: 'GET', url, headers: withKey });
const post = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  ingress.app.inject({ method: 'POST', url: '/v1/emails', headers: { ...withKey, ...headers }, payload: body });
const good = { from: 'news@acme.example', text: 'Hi', recipients: [{ email: 'ann@example.org' }] };

/** A stored request whose messages are in the given states. */
const store = async (requestId: string, states: readonly string[], total = states.length): Promise<string[]> => {
  const { id: decisionId } = await decideStanding(database.pool, 'admin', ingress.weighing);
  await insertRequests(database.pool, [aRequest(requestId, { total })]);
  await storeRequestPlans(database.pool, [
    {
      id: requestId,
      decisionId,
      weights: { postmark: 500, sendgrid: 500 },
      split: { sendgrid: total },
      plan: { other: { sendgrid: total } },
    },
  ]);
  const idOf = messageIdsOf(requestId);
  const messages = states.map((_, index) =>
    aMessage({ id: idOf(index), requestId, position: index, email: `u${index}@example.org` }),
  );
  await insertAndClaim(database.pool, messages, randomUUID());
  for (const [index, state] of states.entries()) await alterMessage(database.pool, idOf(index), `status = '${state}'`);
  return messages.map(({ id }) => id);
};

describe('GET /v1/emails/:requestId', () => {
  it('adds its counts up to the total, those that are not stored yet as queued', async () => {
    await store('r', ['sent', 'sent', 'delivered', 'unknown'], 10);
    const answer = await get('/v1/emails/r');
    expect(answer.json()).toMatchObject({
      id: 'r',
      status: 'processing',
      total: 10,
      counts: { queued: 6, sent: 2, delivered: 1, unknown: 1 },
      split: { sendgrid: 10 },
      weights: { postmark: 500, sendgrid: 500 },
      window: '30d',
    });
  });

  it.each([
    ['queued', [], 3],
    ['processing', ['sending', 'sent'], 2],
    ['processing', ['deferred'], 1],
    ['processing', ['unknown', 'delivered'], 2],
    ['processing', ['scheduled'], 1],
    ['done', ['sent', 'delivered', 'bounced', 'complained', 'failed', 'suppressed', 'cancelled'], 7],
  ])('is %s while its messages are %j', async (status, states, total) => {
    await store('r', states, total);
    expect((await get('/v1/emails/r')).json()).toMatchObject({ status });
  });

  it('answers for what this process has just accepted, and 404 with Retry-After for others', async () => {
    await post(good);
    expect((await get('/v1/emails/req_1')).json()).toMatchObject({ status: 'queued', total: 1, counts: { queued: 1 } });
    const unknown = await get('/v1/emails/req_nobody');
    expect([unknown.statusCode, unknown.headers['retry-after']]).toEqual([404, '1']);
  });

  it('hides another account’s request', async () => {
    await insertRequests(database.pool, [aRequest('theirs', { accountId: 'acme' })]);
    expect((await get('/v1/emails/theirs')).statusCode).toBe(404);
  });
});

describe('GET /v1/messages', () => {
  it('tells of one message, its attempts and events', async () => {
    const [id = ''] = await store('r', ['sending']);
    const answer = await get(`/v1/messages/${publicMessageId(id)}`);
    expect(answer.json()).toMatchObject({
      id: publicMessageId(id),
      requestId: 'r',
      status: 'sending',
      esp: 'sendgrid',
      duplicateSuspected: false,
      attempts: [{ number: 1, esp: 'sendgrid', state: 'sending', finishedAt: null }],
      events: [],
      decision: {
        weights: { postmark: 500, sendgrid: 500 },
        policy: 'rates',
        window: '30d',
        mailboxProvider: 'other',
        providerWeights: { postmark: 500, sendgrid: 500 },
      },
    });
  });

  it('answers for a message that was just accepted, and 404 for one that nobody has', async () => {
    const { messages } = (await post(good)).json<{ messages: { id: string }[] }>();
    expect((await get(`/v1/messages/${messages[0]?.id ?? ''}`)).json()).toMatchObject({
      status: 'queued',
      email: 'ann@example.org',
      requestId: 'req_1',
    });
    expect((await get(`/v1/messages/msg_${randomUUID()}`)).statusCode).toBe(404);
    expect((await get('/v1/messages/nonsense')).statusCode).toBe(404);
  });

  it('pages through all of them, newest first, each once', async () => {
    const ids = await store('r', Array<string>(25).fill('sent'));
    const seen: string[] = [];
    for (let page = 0; page < 10; page += 1) {
      const after = seen.at(-1);
      const { data, hasMore } = (
        await get(`/v1/messages?limit=7${after === undefined ? '' : `&after=${after}`}`)
      ).json<{
        data: { id: string }[];
        hasMore: boolean;
      }>();
      seen.push(...data.map((message) => message.id));
      if (!hasMore) break;
    }
    expect(seen).toEqual(ids.map(publicMessageId).reverse());
  });

  it('filters by state, address, ESP and request, and takes every filter for text', async () => {
    await store('r', ['sent', 'bounced']);
    await store('s', ['sent']);
    const count = async (query: string): Promise<number> =>
      (await get(`/v1/messages?${query}`)).json<{ data: unknown[] }>().data.length;
    expect(await count('status=bounced')).toBe(1);
    expect(await count('requestId=r')).toBe(2);
    expect(await count('email=U0@example.org')).toBe(2);
    expect(await count('email=u0@EXAMPLE.org')).toBe(2);
    expect(await count('esp=sendgrid')).toBe(3);
    expect(await count(`esp=${encodeURIComponent("' or 1=1 --")}`)).toBe(0);
    expect(await count('since=2999-01-01T00:00:00Z')).toBe(0);
  });
});

describe('What is learned', () => {
  it('is the verdict of a domain, in whatever form its name is asked', async () => {
    const counted = { domain: 'xn--mnchen-3ya.de', delivered: 1_001, bounced: 0, firstBounceAt: undefined };
    await addToDomains(database.pool, [counted], { shard: 0, deliveredThreshold: 1_000 });
    for (const name of ['münchen.de', 'MÜNCHEN.DE', 'xn--mnchen-3ya.de.']) {
      expect((await get(`/v1/domains/${encodeURIComponent(name)}`)).json()).toMatchObject({
        status: 'catch-all',
        delivered: 1_001,
        threshold: 1_000,
      });
    }
    expect((await get('/v1/domains/never.seen.example')).json()).toMatchObject({
      status: 'unknown',
      delivered: 0,
      updatedAt: null,
    });
  });

  it('is the weights, 1000 in all, and the state of every ESP', async () => {
    const weights = (await get('/v1/weights')).json<{ total: number; esps: { esp: string; weight: number }[] }>();
    expect(weights).toMatchObject({
      total: 1_000,
      esps: [
        { esp: 'postmark', weight: 500 },
        { esp: 'sendgrid', weight: 500 },
      ],
    });
    expect((await get('/v1/weights?batchId=nothing')).statusCode).toBe(404);
    const esps = (await get('/v1/esps')).json<{ data: { esp: string; health: string; weight: number }[] }>();
    expect(esps.data.map(({ esp, health, weight }) => [esp, health, weight]).sort()).toEqual([
      ['postmark', 'healthy', 500],
      ['sendgrid', 'healthy', 500],
    ]);
  });
});

describe('An Idempotency-Key', () => {
  const key = { 'idempotency-key': 'order-7' };

  it('makes a repeat answer like the first, and sends nothing', async () => {
    const first = await post(good, key);
    const again = await post(good, key);
    expect([first.statusCode, again.statusCode]).toEqual([202, 202]);
    expect(again.json()).toEqual(first.json());
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(ingress.published).toHaveLength(1);
  });

  it('lets one of 50 at once through; the others hear 409 or the same answer', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(good, key)));
    expect(ingress.published).toHaveLength(1);
    for (const { statusCode } of answers) expect([202, 409]).toContain(statusCode);
    expect(new Set(answers.filter(({ statusCode }) => statusCode === 202).map(({ body }) => body)).size).toBe(1);
  });

  it('answers 422 to another body', async () => {
    await post(good, key);
    const other = await post({ ...good, text: 'Other' }, key);
    expect(other.statusCode).toBe(422);
    expect(other.json()).toMatchObject({ errors: [{ pointer: '/headers/idempotency-key' }] });
  });

  it('is free again when Kafka did not take the request, and names the same request then', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    expect((await post(good, key)).statusCode).toBe(503);
    ingress.failWith(undefined);
    const [second, third] = [await post(good, key), await post(good, key)];
    expect(second.statusCode).toBe(202);
    expect(third.json()).toEqual(second.json());
  });
});
