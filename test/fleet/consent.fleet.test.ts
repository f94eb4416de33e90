// Who bounced or unsubscribed is not mailed again, through whichever door the next request comes; a receipt still flows.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { clientOf, type AcceptedLine } from '../support/fleet-client.ts';
import { publishRecords } from '../support/publish-records.ts';
import { waitFor } from '../support/wait-for.ts';

interface Line extends AcceptedLine {
  readonly headers: Readonly<Record<string, string>>;
}

const esps = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'];
let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet();
  client = clientOf(fleet);
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const call = async (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${fleet.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const linesTo = async (email: string): Promise<Line[]> =>
  ((await client.accepted()) as Line[]).filter((line) => line.email === email);
const suppressionOf = (email: string) =>
  waitFor(
    async () => {
      const { data } = (await client.get(`/v1/suppressions?email=${email}`)) as { data: { reason: string }[] };
      return data[0];
    },
    { what: `a suppression of ${email}`, deadlineMs: 30_000 },
  );
const headerOf = (line: Line | undefined, name: string): string =>
  Object.entries(line?.headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';

test('who bounced for good is mailed by no door any more, in whatever class', async () => {
  const email = 'gone@example.org';
  const mail = { from: 'a@acme.example', subject: 'x', text: 'y', recipients: [{ email }] };
  await client.control('sendgrid', { delivered: 0, bounced: 1, softBounces: 0 });
  const first = await client.send({ ...mail, esps: ['sendgrid'] });
  expect(await suppressionOf(email)).toMatchObject({ reason: 'hard-bounce', scope: 'all', esp: 'sendgrid' });
  expect((await client.status(first.id)).counts).toMatchObject({ bounced: 1 });

  await publishRecords(fleet, [JSON.stringify({ ...mail, id: 'from-kafka' })]);
  const ids = ['from-kafka'];
  for (const messageClass of ['transactional', 'bulk', 'otp']) {
    ids.push((await client.send({ ...mail, class: messageClass, recipients: [{ email: 'Gone@Example.org' }] })).id);
  }
  for (const id of ids) {
    const status = await waitFor(
      async () => {
        const answer = await call('GET', `/v1/emails/${id}`);
        const now = (await answer.json()) as Awaited<ReturnType<typeof client.status>>;
        return answer.ok && now.status === 'done' ? now : undefined;
      },
      { what: `${id} being done`, deadlineMs: 30_000 },
    );
    expect([id, status.total, status.counts]).toEqual([id, 1, { queued: 0, suppressed: 1 }]);
    expect(Object.values(status.split).reduce((sum, count) => sum + count, 0)).toBe(1);
  }
  expect(await linesTo(email)).toHaveLength(1);
}, 120_000);

test('a link to unsubscribe comes through every ESP, and holds back that list alone', async () => {
  const templateBody = {
    ...{ id: 'news', defaultLanguage: 'en' },
    languages: { en: { subject: 'News for {{ name }}', text: 'Leave: {{ unsubscribeUrl }}' } },
  };
  expect((await call('POST', '/v1/templates', templateBody)).status).toBe(201);
  const news = (email: string, more: object = {}) => ({
    ...{
      from: 'a@acme.example',
      template: { id: 'news', language: 'en-GB' },
      unsubscribe: { list: 'news' },
      class: 'bulk',
    },
    recipients: [
      { email, substitutions: { name: 'Ann' } },
      { email: `other-${email}`, substitutions: { name: 'Bob' } },
    ],
    ...more,
  });
  await Promise.all(
    esps.map(async (esp) => {
      const email = `reader@${esp}.example`;
      await client.done((await client.send(news(email, { esps: [esp] }))).id, 60_000);
      const [line] = await linesTo(email);
      expect([esp, headerOf(line, 'list-unsubscribe-post')]).toEqual([esp, 'List-Unsubscribe=One-Click']);
      const [, url = ''] = /^<(http[^>]+)>$/.exec(headerOf(line, 'list-unsubscribe')) ?? [];
      expect([esp, line?.subject, line?.text?.trim()]).toEqual([esp, 'News for Ann', `Leave: ${url}`]);
      expect([esp, new URL(url).pathname]).toEqual([esp, expect.stringMatching(/^\/u\/[\w-]+$/)]);
    }),
  );

  const email = 'reader@ses.example';
  const [line] = await linesTo(email);
  const [, link = ''] = /<([^>]+)>/.exec(headerOf(line, 'list-unsubscribe')) ?? [];
  const url = `${fleet.url}${new URL(link).pathname}`;
  expect((await fetch(url)).status).toBe(200);
  const post = { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) };
  for (let time = 0; time < 2; time += 1) expect((await fetch(url, post)).status).toBe(200);

  const again = await client.done((await client.send(news(email))).id, 60_000);
  expect(again.counts).toMatchObject({ suppressed: 1 });
  const receipt = { from: 'a@acme.example', subject: 'Receipt', text: 'paid', recipients: [{ email }] };
  expect((await client.done((await client.send(receipt)).id, 60_000)).counts).not.toHaveProperty('suppressed');
  expect((await linesTo(email)).map(({ subject }) => subject).sort()).toEqual(['News for Ann', 'Receipt']);
  // The event went the way of all events, and stands beside the message's state.
  await waitFor(
    async () => {
      const { events } = (await client.get(`/v1/messages/${line?.messageId ?? ''}`)) as { events: { type: string }[] };
      return events.filter(({ type }) => type === 'unsubscribed').length === 1 ? true : undefined;
    },
    { what: 'the event on its message', deadlineMs: 30_000 },
  );
}, 180_000);
