import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator(7);
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;
const eager = { delivered: 1, bounced: 0, opened: 0, clicked: 0, complained: 0, webhookDelayMs: 1 };

const sendgridMail = (emails: readonly string[]) =>
  fetch(`${simulator.address}/sendgrid/v3/mail/send`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testCredentials.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      personalizations: emails.map((email) => ({ to: [{ email }], custom_args: { mf_message_id: `m-${email}` } })),
      from: { email: 'n@acme.example' },
      subject: 's',
      content: [{ type: 'text/plain', value: 't' }],
    }),
  });
const postmarkMail = (emails: readonly string[]) =>
  fetch(`${simulator.address}/postmark/email/batch`, {
    method: 'POST',
    headers: { 'x-postmark-server-token': testCredentials.serverToken, 'content-type': 'application/json' },
    body: JSON.stringify(
      emails.map((To) => ({ From: 'n@acme.example', To, TextBody: 't', Metadata: { mf_message_id: To } })),
    ),
  });
const sesMail = (email: string) =>
  fetch(`${simulator.address}/ses/v2/email/outbound-emails`, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${testCredentials.sesAccessKeyId}/20260101/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      FromEmailAddress: 'n@acme.example',
      Destination: { ToAddresses: [email] },
      Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
    }),
  });
const people = (count: number) => Array.from({ length: count }, (_, index) => `p${index}@example.org`);
const bodies = (kind: string): readonly string[] =>
  simulator.posts(kind).map(({ rawBody }) => rawBody.toString('utf8'));
const events = (kind: string): readonly Fields[] => bodies(kind).flatMap((body) => JSON.parse(body) as Fields[]);
const settled = (kind: string) =>
  simulator.until(async () => {
    const response = await fetch(`${simulator.address}/counts`);
    const counts = (await response.json()) as Record<string, { pendingWebhooks: number }>;
    return counts[kind]?.pendingWebhooks === 0 ? true : undefined;
  });

describe('A call of a simulated ESP', () => {
  it('that is reset before it is taken leaves nothing behind', async () => {
    await simulator.control('sendgrid', { resetBefore: 1 });
    await expect(sendgridMail(people(1))).rejects.toThrow();
    expect(await simulator.accepted()).toEqual([]);
  });

  it('is refused with 503 in the provider’s words for a share of the calls', async () => {
    await simulator.control('postmark', { rate503: 1 });
    const answer = await postmarkMail(people(1));
    expect([answer.status, await answer.json()]).toMatchObject([503, { ErrorCode: 100 }]);
    expect(await simulator.accepted()).toEqual([]);
  });

  it('can be taken and answered with half of the body', async () => {
    await simulator.control('postmark', { truncated: 1 });
    const body = await (await postmarkMail(people(1))).text();
    expect(() => JSON.parse(body) as unknown).toThrow();
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it('is answered with its headers before its body', async () => {
    await simulator.control('postmark', { slowBodyMs: 3_600_000 });
    const leave = new AbortController();
    const answer = await fetch(`${simulator.address}/postmark/email/batch`, {
      method: 'POST',
      signal: leave.signal,
      headers: { 'x-postmark-server-token': testCredentials.serverToken, 'content-type': 'application/json' },
      body: JSON.stringify([{ From: 'n@acme.example', To: 'a@example.org', TextBody: 't' }]),
    });
    expect(answer.status).toBe(200);
    leave.abort();
    await expect(answer.text()).rejects.toThrow();
  });

  it('is taken in part, and names the others as they were given', async () => {
    await simulator.control('postmark', { partialSuccess: 0.5 });
    const results = (await (await postmarkMail(people(100))).json()) as { ErrorCode: number; Message: string }[];
    const refused = results.filter(({ ErrorCode }) => ErrorCode !== 0);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused[0]?.Message).toMatch(/'p\d+@example\.org'/);
    expect(await simulator.accepted()).toHaveLength(100 - refused.length);
  });
});

describe('Webhooks of a simulated ESP', () => {
  it('tell an event whose type nobody knows', async () => {
    for (const kind of ['sendgrid', 'postmark', 'ses']) await simulator.control(kind, { ...eager, unknownEvents: 1 });
    await sendgridMail(people(1));
    await postmarkMail(people(1));
    await sesMail('p0@example.org');
    await Promise.all(['sendgrid', 'postmark', 'ses'].map(settled));
    expect(events('sendgrid').map(({ event }) => event)).toContain('levitated');
    expect(bodies('postmark').join()).toContain('"RecordType":"Levitation"');
    expect(bodies('ses').join()).toContain('Levitation');
  });

  it('tell of a bounce after a delivery', async () => {
    await simulator.control('sendgrid', { ...eager, bouncedLate: 1 });
    await sendgridMail(people(1));
    await settled('sendgrid');
    expect(events('sendgrid').map(({ event }) => event)).toEqual(['delivered', 'bounce']);
  });

  it('may lack the caller’s own data', async () => {
    await simulator.control('sendgrid', { ...eager, ownDataLost: 1 });
    await sendgridMail(people(1));
    await settled('sendgrid');
    expect(events('sendgrid')).toHaveLength(1);
    expect(events('sendgrid')[0]).not.toHaveProperty('mf_message_id');
  });

  it('may tell an event twice in one batch', async () => {
    await simulator.control('sendgrid', { ...eager, repeatedInBatch: 1 });
    await sendgridMail(people(3));
    await settled('sendgrid');
    const batches = bodies('sendgrid').map((body) => JSON.parse(body) as { sg_event_id: string }[]);
    for (const batch of batches) {
      expect(new Set(batch.map((event) => event.sg_event_id)).size).toBe(batch.length / 2);
    }
    expect(events('sendgrid')).toHaveLength(6);
  });

  it('may come before the answer to the send', async () => {
    await simulator.control('sendgrid', { ...eager, eventsBeforeAnswer: true, webhookDelayMs: 3_600_000 });
    await sendgridMail(people(2));
    expect(events('sendgrid')).toHaveLength(2);
  });

  it.each<[string, number, number]>([
    ['postmark', 503, 11],
    ['postmark', 204, 11],
    ['postmark', 403, 1],
    ['ses', 503, 4],
    ['ses', 204, 1],
    ['ses', 401, 1],
  ])('of %s that are answered %i come %i times on its own schedule', async (kind, status, times) => {
    await simulator.control(kind, { ...eager, retryFactor: 0.000_001 });
    simulator.answerWith(status);
    if (kind === 'postmark') await postmarkMail(people(1));
    else await sesMail('p0@example.org');
    await settled(kind);
    expect(simulator.posts(kind)).toHaveLength(times);
  });
});
