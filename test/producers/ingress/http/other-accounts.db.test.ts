// Two accounts, and each asks for what is the other's by its id, on every route that takes one.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { scopes } from '../../../../shared/contracts/accounts-api.ts';
import { insertAndClaim } from '../../../../shared/db/claim-messages.ts';
import { decideStanding } from '../../../../shared/db/decide-weights.ts';
import { beginErasure } from '../../../../shared/db/erase-recipient.ts';
import { insertRequests } from '../../../../shared/db/requests.ts';
import { addSenderStatistics } from '../../../../shared/db/sender-statistics.ts';
import { addSuppressions } from '../../../../shared/db/suppressions.ts';
import { createTemplate } from '../../../../shared/db/templates.ts';
import { addCalls } from '../../../../shared/db/webhook-calls.ts';
import { createEndpoint } from '../../../../shared/db/webhook-endpoints.ts';
import { insertDecision } from '../../../../shared/db/weight-decisions.ts';
import { messageIdsOf, publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { aMessage, aRequest, useDatabase } from '../../../shared/db/tables.ts';
import { ask, makeAccount, makeKeyFor, realGuards } from './accounts-world.ts';
import { testIngress, type TestIngress } from './ingress.ts';

const database = useDatabase();
const names = ['acme', 'globex'] as const;
type Name = (typeof names)[number];
const other: Readonly<Record<Name, Name>> = { acme: 'globex', globex: 'acme' };
interface Owned {
  readonly key: string;
  /** Of another key than the one that is used. */
  readonly keyId: string;
  readonly erasureId: number;
  readonly scheduleId: string;
  readonly requestId: string;
  readonly messageId: string;
  /** Accepted, and not stored yet: answered from memory. */
  readonly freshRequest: string;
  readonly freshMessage: string;
  readonly batchId: string;
}
let ingress: TestIngress;
let owned: Readonly<Record<Name, Owned>>;

const texts = { defaultLanguage: 'en', languages: { en: { subject: 'Hi', text: 'Hi' } } };
const fill = async (name: Name): Promise<Owned> => {
  await makeAccount(ingress, name);
  const { key } = await makeKeyFor(ingress, name, [...scopes]);
  const { id: keyId } = await makeKeyFor(ingress, name, ['read']);
  const requestId = `req_of_${name}`;
  const id = messageIdsOf(requestId)(0);
  await insertRequests(database.pool, [aRequest(requestId, { accountId: name })]);
  await insertAndClaim(database.pool, [aMessage({ id, requestId, accountId: name })], randomUUID());
  const decided = await decideStanding(database.pool, name, ingress.weighing);
  const batchId = `batch_of_${name}`;
  await insertDecision(database.pool, { ...decided, batchId });
  const day = new Date().toISOString().slice(0, 10);
  await addSenderStatistics(database.pool, [
    { accountId: name, senderDomain: `${name}.example`, mailboxProvider: 'gmail', delivered: 10, complained: 0, day },
  ]);
  const payload = { from: `a@${name}.example`, text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
  const sent = await ask(ingress, 'POST', '/v1/emails', { key, payload });
  const fresh = sent.json<{ id: string; messages: { id: string }[] }>();
  const freshMessage = fresh.messages[0]?.id ?? '';
  await createTemplate(database.pool, { accountId: name, id: `of-${name}`, name }, texts);
  await addSuppressions(database.pool, [
    { accountId: name, email: `of-${name}@example.org`, list: '', reason: 'manual', scope: 'all' },
  ]);
  const webhook = {
    id: `whk_${name}`,
    accountId: name,
    url: 'https://hooks.example/x',
    description: '',
    batched: false,
  };
  await createEndpoint(database.pool, { ...webhook, events: ['sent'], secret: 'sealed' }, 50);
  const call = { id: `call_${name}`, endpointId: webhook.id, accountId: name, webhookId: 'out_1' };
  await addCalls(database.pool, [{ ...call, type: 'test', events: [] }]);
  const createdSchedule = await ask(ingress, 'POST', '/v1/schedules', {
    key,
    payload: { cron: '@daily', email: payload },
  });
  const scheduleId = createdSchedule.json<{ id: string }>().id;
  const { id: erasureId } = await beginErasure(database.pool, {
    ...{ accountId: name, email: 'gone@example.org', requestedBy: name },
  });
  return {
    key,
    keyId,
    erasureId,
    scheduleId,
    requestId,
    messageId: publicMessageId(id),
    freshRequest: fresh.id,
    freshMessage,
    batchId,
  };
};

beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool, ...realGuards(database.pool) });
});
afterAll(() => ingress.app.close());
// The database is empty before each test.
beforeEach(async () => {
  ingress.clear();
  await database.pool.query('truncate api_keys, rate_buckets, sender_statistics');
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  owned = { acme: await fill('acme'), globex: await fill('globex') };
});

/** One call a route that takes an id, with the id of whoever is given; what owners are answered, and others. */
const calls: readonly {
  readonly route: string;
  readonly url: (of: Owned, name: Name) => string;
  readonly own: number;
  readonly others: number;
  readonly payload?: object;
}[] = [
  { route: 'GET /v1/emails/:requestId', url: ({ requestId }) => `/v1/emails/${requestId}`, own: 200, others: 404 },
  {
    route: 'GET /v1/emails/:requestId',
    url: ({ freshRequest }) => `/v1/emails/${freshRequest}`,
    own: 200,
    others: 404,
  },
  ...(['pause', 'resume'] as const).map((command) => ({
    ...{ route: `POST /v1/emails/:requestId/${command}`, own: 200, others: 404 },
    url: ({ requestId }: Owned) => `/v1/emails/${requestId}/${command}`,
  })),
  {
    ...{ route: 'PATCH /v1/emails/:requestId', own: 200, others: 404 },
    url: ({ freshRequest }: Owned) => `/v1/emails/${freshRequest}`,
    payload: { sendAt: '2090-01-01T00:00:00Z' },
  },
  {
    ...{ route: 'POST /v1/emails/:requestId/cancel', own: 200, others: 404 },
    url: ({ freshRequest }: Owned) => `/v1/emails/${freshRequest}/cancel`,
  },
  { route: 'GET /v1/messages/:id', url: ({ messageId }) => `/v1/messages/${messageId}`, own: 200, others: 404 },
  { route: 'GET /v1/messages/:id', url: ({ freshMessage }) => `/v1/messages/${freshMessage}`, own: 200, others: 404 },
  ...(
    [
      ['GET', ''],
      ['PATCH', ''],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['DELETE', ''],
    ] as const
  ).map(([method, rest]) => ({
    ...{ route: `${method} /v1/schedules/:id${rest}`, own: method === 'DELETE' ? 204 : 200, others: 404 },
    url: ({ scheduleId }: Owned) => `/v1/schedules/${scheduleId}${rest}`,
  })),
  { route: 'GET /v1/weights', url: ({ batchId }) => `/v1/weights?batchId=${batchId}`, own: 200, others: 404 },
  { route: 'GET /v1/api-keys', url: (_, name) => `/v1/api-keys?accountId=${name}`, own: 200, others: 404 },
  // The fleet's routes know no owner but the administrators.
  { route: 'GET /v1/accounts/:id', url: (_, name) => `/v1/accounts/${name}`, own: 403, others: 403 },
  { route: 'PATCH /v1/accounts/:id', url: (_, name) => `/v1/accounts/${name}`, own: 403, others: 403 },
  { route: 'DELETE /v1/accounts/:id', url: (_, name) => `/v1/accounts/${name}`, own: 403, others: 403 },
  {
    route: 'DELETE /v1/api-keys/:id',
    url: ({ keyId }, name) => `/v1/api-keys/${keyId}?accountId=${name}`,
    own: 204,
    others: 404,
  },
  { route: 'DELETE /v1/api-keys/:id', url: ({ keyId }) => `/v1/api-keys/${keyId}`, own: 204, others: 404 },
  { route: 'GET /v1/erasures/:id', url: ({ erasureId }) => `/v1/erasures/${erasureId}`, own: 200, others: 404 },
  {
    route: 'DELETE /v1/suppressions/:email',
    url: (_, name) => `/v1/suppressions/of-${name}@example.org`,
    own: 200,
    others: 404,
  },
  ...(
    [
      ['GET', '', 200],
      ['PUT', '', 200],
      ['GET', '/versions', 200],
      ['POST', '/preview', 200],
      ['DELETE', '', 204],
    ] as const
  ).map(([method, rest, own]) => ({
    ...{ route: `${method} /v1/templates/:id${rest}`, own, others: 404 },
    url: (_: Owned, name: Name) => `/v1/templates/of-${name}${rest}`,
  })),
  ...(
    [
      ['GET', '', 200],
      ['PATCH', '', 200],
      ['POST', '/rotate', 200],
      ['POST', '/test', 202],
      ['GET', '/calls', 200],
      ['POST', '/calls/:callId/replay', 202],
      ['POST', '/replay', 202],
      ['DELETE', '', 204],
    ] as const
  ).map(([method, rest, own]) => ({
    ...{ route: `${method} /v1/webhooks/:id${rest}`, own, others: 404 },
    url: (_: Owned, name: Name) => `/v1/webhooks/whk_${name}${rest.replace(':callId', `call_${name}`)}`,
  })),
  {
    route: 'GET /v1/audit',
    url: (_, name) => `/v1/audit?since=${sinceAnHour}&accountId=${name}`,
    own: 200,
    others: 404,
  },
];
const sinceAnHour = new Date(Date.now() - 3_600_000).toISOString();
// What these take names no account's thing: a domain's verdict and an ESP are the fleet's, and are told or 403.
// An address is nobody's; its own test holds that only the asker's mail is erased.
const ofTheFleet =
  /^\w+ (\/v1\/(domains\/:name|esps\/:esp\/|dead-letters\/|sign-ups\/|recipients\/:email)|\/(domains|events)\/:domain)/;

describe('What is another account’s', () => {
  it('is tried on every route that takes an id', () => {
    const withId = [...ingress.app.accessOf].flatMap(([route, access]) =>
      access !== 'open' && route.includes('/:') && !route.startsWith('HEAD ') && !ofTheFleet.test(route) ? [route] : [],
    );
    expect([...new Set(calls.map(({ route }) => route))]).toEqual(expect.arrayContaining(withId));
  });

  it('does not exist for anybody else, and is there for its owner', async () => {
    for (const { route, url, own, others, payload: ownPayload } of calls) {
      const [method = ''] = route.split(' ');
      const usual =
        method === 'PATCH'
          ? route.includes('webhooks')
            ? { enabled: true }
            : { name: 'mine now' }
          : method === 'PUT'
            ? texts
            : undefined;
      const replay = url(owned.acme, 'acme').endsWith('/whk_acme/replay') ? { since: sinceAnHour } : undefined;
      const payload = ownPayload ?? replay ?? usual;
      // All of the others' first, so that what an owner may do has not been done yet.
      for (const name of names) {
        const asked = url(owned[name], name);
        const { key } = owned[other[name]];
        const options = { key, ...(payload && { payload }) };
        const answer = await ask(ingress, method as 'GET', asked, options);
        expect([asked, answer.statusCode]).toEqual([asked, others]);
        expect(answer.body).not.toContain(`${name}.example`);
      }
      for (const name of names) {
        const asked = url(owned[name], name);
        const options = { key: owned[name].key, ...(payload && { payload }) };
        expect([asked, (await ask(ingress, method as 'GET', asked, options)).statusCode]).toEqual([asked, own]);
      }
    }
  });

  it('is in no list', async () => {
    for (const name of names) {
      const { key } = owned[name];
      const theirs = owned[other[name]];
      const own = (await ask(ingress, 'GET', '/v1/messages', { key })).json<{ data: { id: string }[] }>();
      expect(own.data.map(({ id }) => id)).toEqual([owned[name].messageId]);
      const senders = (await ask(ingress, 'GET', '/v1/senders', { key })).json<{ data: object[] }>();
      expect(senders.data).toHaveLength(1);
      for (const url of [
        '/v1/messages',
        `/v1/messages?requestId=${theirs.requestId}`,
        `/v1/messages?after=${theirs.messageId}`,
        '/v1/senders',
        '/v1/api-keys',
        `/v1/api-keys?after=${theirs.keyId}`,
      ]) {
        const answer = await ask(ingress, 'GET', url, { key });
        expect([url, answer.statusCode]).toEqual([url, 200]);
        for (const { accountId, requestId, domain } of answer.json<{ data: Record<string, string>[] }>().data) {
          for (const named of [accountId, requestId, domain]) {
            if (named !== undefined) expect(named).toContain(name);
          }
        }
      }
    }
    // A message of somebody else's is no place in one's own list either: it would tell when it was made.
    const after = await ask(ingress, 'GET', `/v1/messages?after=${owned.globex.messageId}`, { key: owned.acme.key });
    expect(after.json()).toEqual({ data: [], hasMore: false });
  });

  it('is not told by who changed an ESP, and why', async () => {
    const pause = { payload: { reason: 'canary-reason' } };
    expect((await ask(ingress, 'POST', '/v1/esps/sendgrid/pause', pause)).statusCode).toBe(200);
    const theirs = await ask(ingress, 'GET', '/v1/esps/sendgrid/history', { key: owned.acme.key });
    expect(theirs.statusCode).toBe(200);
    expect(theirs.body).not.toContain('canary-reason');
    expect((await ask(ingress, 'GET', '/v1/esps/sendgrid/history')).body).toContain('canary-reason');
  });

  it('does not share an idempotency key: the same key of two accounts is two requests', async () => {
    const ids = [];
    for (const name of names) {
      const payload = { from: `a@${name}.example`, text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
      const headers = { 'idempotency-key': 'order-77' };
      const answer = await ask(ingress, 'POST', '/v1/emails', { key: owned[name].key, payload, headers });
      expect(answer.statusCode).toBe(202);
      ids.push(answer.json<{ id: string }>().id);
    }
    expect(new Set(ids).size).toBe(2);
  });

  it('cannot be named in a request: an account is not a property of one', async () => {
    const payload = {
      from: 'a@globex.example',
      text: 'Hi',
      recipients: [{ email: 'a@b.example' }],
      accountId: 'globex',
    };
    const answer = await ask(ingress, 'POST', '/v1/emails', { key: owned.acme.key, payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ errors: [{ pointer: '/accountId' }] });
    const key = { name: 'n', scopes: ['read'], accountId: 'globex' };
    expect((await ask(ingress, 'POST', '/v1/api-keys', { key: owned.acme.key, payload: key })).statusCode).toBe(404);
  });
});

it('An id that no database can hold is answered like any other fault of the caller', async () => {
  const { key } = owned.acme;
  for (const url of [
    '/v1/emails/a%00b',
    '/v1/messages/a%00b',
    '/v1/messages?requestId=a%00b',
    '/v1/messages?email=a%00b',
    '/v1/messages?esp=a%00b',
    '/v1/weights?batchId=a%00b',
    '/v1/esps/a%00b/history',
    '/v1/domains/a%00b',
    '/v1/api-keys?after=a%00b',
    '/v1/api-keys?accountId=a%00b',
  ]) {
    const { statusCode } = await ask(ingress, 'GET', url, { key });
    expect([url, statusCode >= 400 && statusCode < 500]).toEqual([url, true]);
  }
  expect((await ask(ingress, 'GET', '/v1/accounts/a%00b')).statusCode).toBe(422);
  expect((await ask(ingress, 'DELETE', '/v1/api-keys/a%00b')).statusCode).toBe(422);
});
