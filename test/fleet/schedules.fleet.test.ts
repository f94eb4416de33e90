// Schedules, paced batches and the task queue through the whole fleet, with kill -9 in the middle: every firing and every message once.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, timesAccepted, type AcceptedLine } from '../support/fleet-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet({ env: { OTP_RESEND_SECONDS: '0' } });
  client = clientOf(fleet);
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const call = async (method: string, path: string, body?: object, authorization = `Bearer ${fleet.adminKey}`) => {
  const response = await fetch(path.startsWith('http') ? path : `${fleet.url}${path}`, {
    method,
    headers: { authorization },
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { authorization, 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
};
const mailTo = (email: string): Promise<AcceptedLine> =>
  waitFor(async () => (await client.accepted()).find((line) => line.email === email), {
    what: `mail to ${email}`,
    deadlineMs: 30_000,
  });

test('schedulers and senders that are killed lose no firing and no message, and repeat none', async () => {
  const schedules = 12;
  for (let n = 0; n < schedules; n += 1) {
    const email = { from: 'news@acme.example', text: 'Hi', recipients: [{ email: `every${n}@corp.example` }] };
    expect((await call('POST', '/v1/schedules', { cron: '@hourly', email })).status).toBe(201);
  }
  const { id, messages } = await client.send(
    bulkRequest(500, { batch: { id: 'paced', size: 100, intervalSeconds: 1 } }),
  );
  const batches = async () =>
    ((await client.status(id)) as { batches?: { split: Record<string, number> }[] }).batches ?? [];
  const started = (count: number) =>
    waitFor(async () => (await batches()).length >= count, { what: `${count} batches`, deadlineMs: 30_000 });

  await started(1);
  // All of them at one tick, in the middle of the batches.
  await queryRows(fleet.databaseUrl, `update schedules set next_at = date_trunc('hour', now()) returning id`);
  expect(fleet.kill('scheduler', 'SIGKILL')).toBe(true);
  await started(2);
  expect(fleet.kill('scheduler', 'SIGKILL')).toBe(true);
  await waitFor(
    async () => {
      const { counts } = await client.status(id);
      return (counts['sending'] ?? 0) === 0 && (counts['scheduled'] ?? 0) > 0 && fleet.kill('email-send', 'SIGKILL');
    },
    { what: 'a moment between two batches', deadlineMs: 30_000 },
  );
  await started(5);
  const status = await client.done(id, 60_000);
  expect(Object.values(status.split).reduce((sum, n) => sum + n, 0)).toBe(500);
  expect((await batches()).map(({ split }) => Object.values(split).reduce((sum, n) => sum + n, 0))).toEqual(
    Array.from({ length: 5 }, () => 100),
  );

  for (let n = 0; n < schedules; n += 1) await mailTo(`every${n}@corp.example`);
  const accepted = await client.accepted();
  expect(accepted.filter(({ email }) => email.startsWith('every'))).toHaveLength(schedules);
  const times = timesAccepted(accepted);
  expect(messages.filter((message) => times.get(message.id) !== 1)).toEqual([]);
  const runs = await queryRows<{ n: number }>(
    fleet.databaseUrl,
    'select count(*)::int as n from schedule_runs where request_id is not null',
  );
  expect(runs[0]?.n).toBe(schedules);
}, 150_000);

test('the task queue’s clients are served from sign-up to the mail of a subscription', async () => {
  const { body } = await call('POST', '/auth/signup', { id: 'owner@corp.example' }, '');
  const key = String(body['apiKey']);
  const [link = ''] = /http:\S+\/auth\/confirm\/\S+/.exec((await mailTo('owner@corp.example')).text ?? '') ?? [];
  expect((await call('POST', '/task', { task: 'x' }, key)).status).toBe(403);
  expect([(await call('GET', link)).status, (await call('POST', link)).status]).toEqual([200, 200]);

  // Other processes may know the key as pending for a few seconds.
  const enqueue = async (type: string, payload: object): Promise<void> => {
    const answer = await call('POST', '/task/', { task: 't', type, retries: 3, payload }, key);
    expect([answer.status, answer.body]).toEqual([200, { status: true, msg: 'Task enqueued successfully' }]);
  };
  await enqueue('message', { userId: 'ann@corp.example', subject: 'Hi {{you}}', content: '<p>Braces {% stay %}</p>' });
  expect((await mailTo('ann@corp.example')).subject).toBe('Hi {{you}}');

  await enqueue('generateOtp', { userId: 'code@corp.example', length: 6 });
  const [otp = ''] = /\d{6}/.exec((await mailTo('code@corp.example')).text ?? '') ?? [];
  const verify = () => call('POST', '/task/verify', { userEmail: 'code@corp.example', otp }, key);
  expect((await verify()).body).toEqual({ type: 'otp verification', verified: true });
  expect((await verify()).body).toEqual({ type: 'otp verification', verified: false });

  const content = { content_type: 'news', subject: 'First', content: '<p>1</p>' };
  expect((await call('POST', '/task/subscriptionContent', content, key)).body).toMatchObject({ status: true });
  await enqueue('subscribe', { userId: 'sub@corp.example', content_type: 'news', frequency: '@monthly' });
  expect((await call('PUT', '/task/subscriptionContent', { ...content, subject: 'Second' }, key)).status).toBe(200);
  await waitFor(
    async () =>
      (
        await queryRows(
          fleet.databaseUrl,
          `update schedules set next_at = now() where subscriber = 'sub@corp.example' returning id`,
        )
      ).length === 1,
    { what: 'the subscription' },
  );
  expect((await mailTo('sub@corp.example')).subject).toBe('Second');
  expect((await call('GET', '/health/metrics')).body).toEqual({
    status: true,
    'Total Jobs Executed': 3,
    'Jobs Successful': 3,
    'Jobs Failed': 0,
  });
}, 120_000);
