// The task queue's routes, its consumer and the scheduler's part of it on the same tables.
import { createSecretKey } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { openSealedWith } from '../../../../consumers/email-send/open-sealed.ts';
import { taskTicker } from '../../../../consumers/scheduler/ticker-tasks.ts';
import { tasks } from '../../../../consumers/tasks/consumer.ts';
import { emailRecord } from '../../../../shared/contracts/email.ts';
import { taskRecord, type TaskRecord } from '../../../../shared/contracts/tasks.ts';
import { codeSettings } from '../../../../shared/db/code-settings.ts';
import { deriveKey } from '../../../../shared/domain/derived-key.ts';
import { messageIdsOf } from '../../../../shared/domain/request-ids.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { realGuards } from './accounts-world.ts';
import { adminKey, testIngress, type TestIngress } from './ingress.ts';

const database = useDatabase();
const secret = 's'.repeat(32);
const codes = codeSettings({
  JWT_SECRET: secret,
  OTP_LIFESPAN_SECONDS: 120,
  OTP_RESEND_SECONDS: 30,
  OTP_MAX_PER_HOUR: 0,
  OTP_ECHO: false,
  MAIL_FROM: 'Tasks <tasks@acme.example>',
});
let ingress: TestIngress;
let opened: TestIngress;
beforeAll(async () => {
  const more = { pool: database.pool, keys: realGuards(database.pool).keys, codes };
  ingress = await testIngress(more);
  opened = await testIngress({ ...more, isOpen: true });
});
beforeEach(() => {
  ingress.clear();
  opened.clear();
});

type Method = 'GET' | 'POST' | 'PUT';
const call = (method: Method, url: string, payload?: object | string, key?: string, on = ingress) =>
  on.app.inject({
    method,
    url,
    headers: {
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { authorization: key }),
    },
    ...(payload === undefined ? {} : { payload }),
  });
const signUp = async (id: string): Promise<string> => {
  const answer = await call('POST', '/auth/signup', { id });
  expect(answer.statusCode).toBe(200);
  return answer.json<{ apiKey: string }>().apiKey;
};
/** The link of the last mail, as its mailbox reads it. */
const mailedLink = async (): Promise<string> => {
  const record = await waitFor(
    () => {
      const sent = ingress.published.filter(({ topic }) => topic === 'email-send');
      return sent.length > 0 && String(sent.at(-1)?.value);
    },
    { what: 'a mail with a link' },
  );
  expect(record).not.toContain('/auth/confirm/');
  const { id = '', recipients } = emailRecord.parse(JSON.parse(record));
  const open = openSealedWith(deriveKey(secret, 'one-time-code seal'));
  const { link } = open(recipients[0]?.sealed ?? {}, messageIdsOf(id)(0));
  return new URL(String(link)).pathname;
};
const activeKey = async (id: string): Promise<string> => {
  const key = await signUp(id);
  const link = await mailedLink();
  expect((await call('POST', link)).statusCode).toBe(200);
  ingress.clear();
  return key;
};
const message = { userId: 'ann@example.org', subject: 'Hi {{ x }}', content: '<p>{{ y }}</p>' };
const aTask = (type: string, payload: object, retries: unknown = 3) => ({ task: 'a task', type, retries, payload });

const consumer = () =>
  tasks({
    pool: database.pool,
    publisher: ingress.context.publisher,
    topics: ingress.context.topics,
    blobs: ingress.context.blobs,
    codes,
    random: () => 0,
    newId: ingress.context.newId,
  });
const work = async (records: readonly TaskRecord[]) => {
  await consumer().handleBatch(
    records.map((value, index) => ({
      value,
      raw: Buffer.from(JSON.stringify(value)),
      key: undefined,
      headers: {},
      offset: BigInt(index),
      timestampMs: 1_700_000_000_000,
    })),
    { topic: 'tasks', partition: 0, cluster: 'c', highWatermark: 1_000n, signal: new AbortController().signal },
  );
};
const valuesOn = (topic: string) =>
  ingress.published.filter((record) => record.topic === topic).map(({ value }) => JSON.parse(String(value)) as unknown);
const queued = () => valuesOn('tasks').map((value) => taskRecord.parse(value));
const mails = (topic = 'email-send') => valuesOn(topic).map((value) => emailRecord.parse(value));
const counts = async () => {
  const answer = (await call('GET', '/health/metrics')).json<Record<string, unknown>>();
  return [answer['status'], answer['Total Jobs Executed'], answer['Jobs Successful'], answer['Jobs Failed']];
};

describe('A sign-up', () => {
  test('is pending until its mailbox has confirmed by a POST', async () => {
    const key = await signUp('Ann@Example.org');
    const refused = await call('POST', '/task', aTask('message', message), key);
    expect([refused.statusCode, refused.json()]).toMatchObject([403, { status: false, error: 'key_pending' }]);
    const link = await mailedLink();
    const page = await call('GET', link);
    expect([page.statusCode, page.headers['content-type'], page.body]).toEqual([
      200,
      'text/html; charset=utf-8',
      expect.stringContaining('ann@example.org'),
    ]);
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(403);
    expect((await call('POST', link)).statusCode).toBe(200);
    for (const authorization of [key, `Bearer ${key}`]) {
      const answer = await call('POST', '/task', aTask('message', message), authorization);
      expect([answer.statusCode, answer.json()]).toEqual([200, { status: true, msg: 'Task enqueued successfully' }]);
    }
    expect((await call('POST', '/auth/confirm/no-link')).statusCode).toBe(400);
  });

  test('may be confirmed by an administrator, and a second one for the id is refused', async () => {
    const key = await signUp('not an address');
    const again = await call('POST', '/auth/signup', { id: 'Not an address' });
    expect([again.statusCode, again.json()]).toMatchObject([400, { status: false, error: expect.any(String) }]);
    expect((await call('GET', '/v1/sign-ups', undefined, `Bearer ${adminKey}`)).json()).toMatchObject({
      data: [{ id: 'not an address' }],
    });
    const approve = '/v1/sign-ups/not%20an%20address/approve';
    expect((await call('POST', approve, undefined, key)).statusCode).toBe(401);
    expect((await call('POST', approve, undefined, `Bearer ${adminKey}`)).statusCode).toBe(200);
    ingress.context.signUpKeys?.forget(String(decodeJwt(key).jti));
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(200);
  });

  test('opens nothing but the task queue', async () => {
    const key = await activeKey('ann@example.org');
    for (const [method, url] of [
      ['GET', '/v1/messages'],
      ['GET', '/v1/schedules'],
      ['POST', '/email/send'],
    ] as const)
      expect((await call(method, url, method === 'GET' ? undefined : {}, `Bearer ${key}`)).statusCode).toBe(401);
  });

  test('that is forged or of another kind is refused like no key at all', async () => {
    const key = await activeKey('ann@example.org');
    const claims = decodeJwt(key);
    const [head = '', body = ''] = key.split('.');
    const signed = (more: object, header: object, by: Uint8Array = deriveKey(secret, 'task queue keys')) =>
      new SignJWT({ ...claims, ...more })
        .setProtectedHeader({ ...decodeProtectedHeader(key), alg: 'HS256', ...header })
        .sign(createSecretKey(by));
    const forged = [
      new UnsecuredJWT(claims).encode(),
      `${head}.${body}.`,
      `${key.slice(0, -4)}AAAA`,
      await signed({}, {}, new TextEncoder().encode('my_secret')),
      await signed({}, {}, Buffer.from(secret)),
      await signed({}, { alg: 'HS512' }),
      await signed({ exp: 1 }, {}),
      await signed({ nbf: 4_000_000_000 }, {}),
      await signed({ aud: 'somebody' }, {}),
      await signed({ iss: 'somebody' }, {}),
      await signed({}, { typ: 'link+jwt' }),
      await signed({}, { kid: '../../dev/null', jku: 'http://127.0.0.1/', typ: 'at+jwt' }),
      await signed({ jti: 'sgn_other' }, {}),
      await signed({ sub: 'ben@example.org' }, {}),
      (await ingress.context.signUpKeys?.makeLink('confirm', 'ann@example.org', String(claims.jti))) ?? '',
    ];
    const none = await call('POST', '/task', aTask('message', message));
    expect(none.statusCode).toBe(401);
    for (const token of forged) {
      const answer = await call('POST', '/task', aTask('message', message), token);
      expect([answer.statusCode, answer.json()]).toEqual([401, none.json()]);
    }
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(200);
  });
});

describe('Deregistering', () => {
  test('by somebody else changes nothing, is answered the same, and asks the mailbox', async () => {
    const key = await activeKey('ann@example.org');
    const other = await activeKey('ben@example.org');
    await database.pool.query('update sign_ups set mailed_at = null');
    const answers = [
      await call('POST', '/auth/deregister', { id: 'ann@example.org' }),
      await call('POST', '/auth/deregister', { id: 'ann@example.org' }, other),
      await call('POST', '/auth/deregister', { id: 'nobody@example.org' }),
    ];
    for (const answer of answers) expect([answer.statusCode, answer.json()]).toEqual([200, answers[0]?.json()]);
    const link = await mailedLink();
    expect(mails().map(({ recipients }) => recipients[0]?.email)).toEqual(['ann@example.org']);
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(200);
    expect((await call('GET', link)).statusCode).toBe(200);
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(200);
    expect((await call('POST', link)).statusCode).toBe(200);
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(401);
  });

  test.each(['owner', 'administrator'])('by the %s ends the key at once, and the id may sign up again', async (who) => {
    const key = await activeKey('ann@example.org');
    const by = who === 'owner' ? key : `Bearer ${adminKey}`;
    const answer = await call('POST', '/auth/deregister', { id: 'ANN@example.org' }, by);
    expect(answer.json()).toMatchObject({ status: true });
    ingress.context.signUpKeys?.forget(String(decodeJwt(key).jti));
    expect((await call('POST', '/task', aTask('message', message), key)).statusCode).toBe(401);
    const next = await signUp('ann@example.org');
    expect(decodeJwt(next).jti).not.toBe(decodeJwt(key).jti);
  });
});

describe('With AUTH_OPEN', () => {
  test('the routes are as the seed had them', async () => {
    const on = opened;
    const { apiKey } = (await call('POST', '/auth/signup', { id: 'ann' }, undefined, on)).json<{ apiKey: string }>();
    expect((await call('POST', '/task/task', aTask('message', message), apiKey, on)).statusCode).toBe(200);
    expect((await call('POST', '/task/task', aTask('message', message), undefined, on)).statusCode).toBe(200);
    expect((await call('POST', '/auth/deregister', { id: 'ann' }, undefined, on)).statusCode).toBe(200);
    expect((await call('POST', '/auth/signup', { id: 'ann' }, undefined, on)).statusCode).toBe(200);
  });
});

describe('A task', () => {
  let key: string;
  beforeEach(async () => {
    key = await activeKey('owner@example.org');
  });
  const enqueue = async (task: object, path = '/task/') => {
    const answer = await call('POST', path, task, key);
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: true, msg: 'Task enqueued successfully' }]);
    return queued().slice(-1);
  };

  test.each(['/task', '/task/', '/task/task'])(
    'with a message at %s is one mail, however often it comes',
    async (path) => {
      const records = await enqueue(aTask('message', message), path);
      await work(records);
      await work([...records, ...records]);
      expect(mails()).toMatchObject([
        {
          from: 'Tasks <tasks@acme.example>',
          html: '{{ content | raw }}',
          recipients: [
            { email: 'ann@example.org', substitutions: { subject: 'Hi {{ x }}', content: '<p>{{ y }}</p>' } },
          ],
        },
      ]);
      expect(await counts()).toEqual([true, 1, 1, 0]);
    },
  );

  test('with a code sends one, which is verified once, by its owner', async () => {
    const records = await enqueue(aTask('generateOtp', { userId: 'ann@example.org', length: 8 }));
    await work(records);
    await work(records);
    const [mail] = mails('email-send-otp');
    expect(mails('email-send-otp')).toHaveLength(1);
    const open = openSealedWith(deriveKey(secret, 'one-time-code seal'));
    const otp = String(open(mail?.recipients[0]?.sealed ?? {}, messageIdsOf(mail?.id ?? '')(0))['code']);
    expect(otp).toMatch(/^\d{8}$/);
    const verify = (as: string, guess = otp) =>
      call('POST', '/task/verify', { userEmail: 'ann@example.org', otp: guess }, as);
    const other = await activeKey('other@example.org');
    expect((await verify(other)).json()).toEqual({ type: 'otp verification', verified: false });
    expect((await verify(key, '0000')).json()).toEqual({ type: 'otp verification', verified: false });
    expect((await verify(key)).json()).toEqual({ type: 'otp verification', verified: true });
    expect((await verify(key)).json()).toEqual({ type: 'otp verification', verified: false });
    for (let n = 0; n < 7; n += 1) expect((await verify(key, '1234')).statusCode).toBe(200);
  });

  test('that cannot succeed yet is tried again when it can, and given up after its tries', async () => {
    const otp = aTask('generateOtp', { userId: 'ann@example.org', length: 4 }, 2);
    await work(await enqueue(otp));
    const second = await enqueue(otp);
    await work(second);
    await work(second);
    expect([mails('email-send-otp').length, await counts()]).toEqual([1, [true, 1, 1, 0]]);
    const { rows } = await database.pool.query<{ wait: number }>(
      `select extract(epoch from due_at - now())::float8 as wait from tasks where state = 'waiting'`,
    );
    expect(rows[0]?.wait).toBeGreaterThan(20);
    await database.pool.query(`update tasks set due_at = now() where state = 'waiting'`);
    const { publisher, topics } = ingress.context;
    const ticker = taskTicker({ pool: database.pool, publisher, topics });
    await ticker.tick();
    await ticker.tick();
    const again = queued().slice(-1);
    expect(again).toMatchObject([{ id: second[0]?.id, attempt: 2, payload: { length: 4 } }]);
    await work(again);
    await work(again);
    expect([mails('email-send-otp').length, await counts()]).toEqual([1, [true, 2, 1, 1]]);
  });

  test('that subscribes twice makes one subscription, and unsubscribing ends it', async () => {
    const news = { userId: 'Ann@example.org', content_type: 'news' };
    const asked = { ...news, frequency: '@daily' };
    expect((await call('POST', '/task', aTask('subscribe', asked), key)).json()).toEqual({
      status: false,
      error: "Content Type doesn't exist",
    });
    const content = { content_type: 'news', subject: 'News', content: '<p>1</p>' };
    expect((await call('PUT', '/task/subscriptionContent', content, key)).statusCode).toBe(400);
    expect((await call('POST', '/task/subscriptionContent', content, key)).json()).toMatchObject({ status: true });
    expect((await call('PUT', '/task/subscriptionContent', content, key)).json()).toMatchObject({ status: true });
    await work(await enqueue(aTask('subscribe', asked)));
    await work(await enqueue(aTask('subscribe', { ...asked, frequency: '@hourly' })));
    const { rows } = await database.pool.query('select cron, subscriber, content_type from schedules');
    expect(rows).toEqual([{ cron: '@hourly', subscriber: 'ann@example.org', content_type: 'news' }]);
    const other = await activeKey('other@example.org');
    expect((await call('POST', '/task', aTask('unsubscribe', news), other)).statusCode).toBe(400);
    await work(await enqueue(aTask('unsubscribe', news)));
    expect((await database.pool.query('select from schedules')).rowCount).toBe(0);
    expect(await counts()).toEqual([true, 3, 3, 0]);
  });

  test('that Kafka does not take is answered 503', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    const answer = await call('POST', '/task', aTask('message', message), key);
    expect([answer.statusCode, answer.json(), answer.headers['retry-after']]).toMatchObject([
      503,
      { status: false },
      '1',
    ]);
  });

  test.each([
    ['{"task": "x", '],
    ['[]'],
    [aTask('dance', message)],
    [aTask('message', message, 0)],
    [aTask('message', message, '3')],
    [aTask('message', { ...message, userId: 'nobody' })],
    [aTask('message', { userId: 'ann@example.org' })],
    [aTask('generateOtp', { userId: 'ann@example.org' })],
    [aTask('generateOtp', { userId: 'ann@example.org', length: 3 })],
    [aTask('generateOtp', { userId: 'ann@example.org', length: 9 })],
    [aTask('subscribe', { userId: 'ann@example.org', content_type: 'news', frequency: '@yearly' })],
    [{ type: 'message', retries: 1, payload: message }],
  ])('%j is refused with nothing queued', async (payload) => {
    const answer = await call('POST', '/task', payload, key);
    expect([answer.statusCode, answer.json()]).toMatchObject([400, { status: false, error: expect.any(String) }]);
    expect(ingress.published).toEqual([]);
  });

  test('needs no length but for a code', async () => {
    await enqueue(aTask('message', { ...message, length: 99, frequency: 'never' }));
  });
});

test('pings', async () => {
  expect((await call('GET', '/health/ping')).json()).toEqual({ message: 'pong' });
  expect(await counts()).toEqual([true, 0, 0, 0]);
});
