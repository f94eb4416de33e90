import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator(7);
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;

const sendgridMail = async (emails: readonly string[]): Promise<number> => {
  const { status } = await fetch(`${simulator.address}/sendgrid/v3/mail/send`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testCredentials.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      personalizations: emails.map((email) => ({ to: [{ email }], custom_args: { mf_message_id: `m-${email}` } })),
      from: { email: 'n@acme.example' },
      subject: 's',
      content: [{ type: 'text/plain', value: 't' }],
    }),
  });
  return status;
};
const postmarkMail = (emails: readonly string[]) =>
  fetch(`${simulator.address}/postmark/email/batch`, {
    method: 'POST',
    headers: { 'x-postmark-server-token': testCredentials.serverToken, 'content-type': 'application/json' },
    body: JSON.stringify(
      emails.map((To) => ({ From: 'n@acme.example', To, TextBody: 't', Metadata: { mf_message_id: To } })),
    ),
  });
const people = (count: number, domain = 'example.org') =>
  Array.from({ length: count }, (_, index) => `p${index}@${domain}`);
const sendgridEvents = (): readonly Fields[] =>
  simulator.posts('sendgrid').flatMap(({ rawBody }) => JSON.parse(rawBody.toString('utf8')) as Fields[]);
const settled = (kind: string) =>
  simulator.until(async () => {
    const counts = (await (await fetch(`${simulator.address}/counts`)).json()) as Record<
      string,
      { pendingWebhooks: number }
    >;
    return counts[kind]?.pendingWebhooks === 0 ? true : undefined;
  });
const eager = { delivered: 1, bounced: 0, opened: 0, clicked: 0, complained: 0, webhookDelayMs: 1 };

describe('Webhooks of the simulator', () => {
  it("are signed over timestamp and raw bytes as SendGrid's are, with CRLF between the events", async () => {
    await simulator.control('sendgrid', eager);
    await sendgridMail(people(3));
    await simulator.until(() => (sendgridEvents().length === 3 ? true : undefined));
    const [post] = simulator.posts('sendgrid');
    const key = createPublicKey({ key: Buffer.from(simulator.publicKey, 'base64'), format: 'der', type: 'spki' });
    const timestamp = String(post?.headers['x-twilio-email-event-webhook-timestamp']);
    const signature = String(post?.headers['x-twilio-email-event-webhook-signature']);
    const bytes = post?.rawBody ?? Buffer.alloc(0);
    expect(
      verify('sha256', Buffer.concat([Buffer.from(timestamp), bytes]), key, Buffer.from(signature, 'base64')),
    ).toBe(true);
    expect(bytes.toString('utf8')).toMatch(/^\[\{.*\},\r\n\{.*\},\r\n\{.*\}\]\r\n$/);
  });

  it("carry Postmark's credentials and one record each", async () => {
    await simulator.control('postmark', { ...eager, opened: 1 });
    await postmarkMail(people(2));
    await simulator.until(() => (simulator.posts('postmark').length === 4 ? true : undefined));
    const credentials = `${testCredentials.webhookUser}:${testCredentials.webhookPassword}`;
    for (const { headers, rawBody } of simulator.posts('postmark')) {
      expect(headers['authorization']).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`);
      expect(JSON.parse(rawBody.toString('utf8'))).toMatchObject({ Recipient: expect.any(String) });
    }
  });

  it.each(['drop', 503, 401] as const)('come again after %s until they are taken', async (fault) => {
    await simulator.control('sendgrid', eager);
    simulator.answerWith(fault);
    await sendgridMail(people(2));
    await simulator.until(() => (simulator.posts('sendgrid').length >= 2 ? true : undefined));
    simulator.answerWith(200);
    await settled('sendgrid');
    const ids = simulator.posts('sendgrid').map(({ rawBody }) => rawBody.toString('utf8'));
    expect(new Set(ids).size).toBeLessThanOrEqual(2);
    expect(await simulator.emitted()).toHaveLength(2);
  });

  it("stop at Postmark's 403", async () => {
    await simulator.control('postmark', eager);
    simulator.answerWith(403);
    await postmarkMail(people(3));
    await simulator.until(() => (simulator.posts('postmark').length === 3 ? true : undefined));
    await settled('postmark');
    expect(simulator.posts('postmark')).toHaveLength(3);
  });

  it('come as often as is asked for, with the same ids, and are told once in /emitted', async () => {
    await simulator.control('sendgrid', { ...eager, webhookCopies: 5, shuffle: true, clicked: 1 });
    await sendgridMail(people(20));
    await settled('sendgrid');
    const ids = sendgridEvents().map(({ sg_event_id: id }) => id);
    expect(ids).toHaveLength(200);
    expect(new Set(ids).size).toBe(40);
    expect(new Set((await simulator.emitted()).map(({ eventId }) => eventId))).toEqual(new Set(ids));
  });

  it('keep quiet when there are to be no copies', async () => {
    await simulator.control('sendgrid', { ...eager, webhookCopies: 0 });
    await sendgridMail(people(5));
    await settled('sendgrid');
    expect(simulator.posts('sendgrid')).toEqual([]);
    expect(await simulator.accepted()).toHaveLength(5);
  });

  it('bring outcomes at the rates that were set, by mailbox provider', async () => {
    await simulator.control('sendgrid', {
      ...eager,
      delivered: 0.7,
      bounced: 0.2,
      opened: 0.35,
      perMailboxProvider: { gmail: { delivered: 0, bounced: 1 } },
    });
    for (let call = 0; call < 4; call += 1) await sendgridMail(people(1_000, `d${call}.example`));
    await sendgridMail(people(100, 'gmail.com'));
    await settled('sendgrid');
    const emitted = await simulator.emitted();
    const count = (type: string, isGmail: boolean) =>
      emitted.filter((event) => event['type'] === type && String(event['email']).endsWith('@gmail.com') === isGmail)
        .length;
    // Four standard deviations of 4,000 draws are at most 126.
    expect(Math.abs(count('delivered', false) - 2_800)).toBeLessThan(126);
    expect(Math.abs(count('bounced', false) - 800)).toBeLessThan(126);
    expect(Math.abs(count('opened', false) - 1_400)).toBeLessThan(126);
    expect([count('delivered', true), count('bounced', true), count('opened', true)]).toEqual([0, 100, 0]);
    const delivered = new Set(emitted.filter(({ type }) => type === 'delivered').map(({ messageId }) => messageId));
    for (const event of emitted) if (event['type'] === 'opened') expect(delivered).toContain(event['messageId']);
  });

  it('end the same for the same seed and the same messages', async () => {
    const run = async (seed: number) => {
      const other = await startSimulator(seed);
      const kept = simulator;
      simulator = other;
      try {
        await other.control('sendgrid', { ...eager, delivered: 0.5, bounced: 0.3 });
        await sendgridMail(people(200));
        await settled('sendgrid');
        return (await other.emitted()).map(({ type, email }) => `${String(type)} ${String(email)}`).sort();
      } finally {
        simulator = kept;
        await other.close();
      }
    };
    const [first, again, different] = [await run(3), await run(3), await run(4)];
    expect(again).toEqual(first);
    expect(different).not.toEqual(first);
  });

  it('are forgotten with a reset', async () => {
    await simulator.control('sendgrid', { ...eager, webhookDelayMs: 3_600_000 });
    await sendgridMail(people(5));
    await simulator.reset();
    await settled('sendgrid');
    expect(await simulator.accepted()).toEqual([]);
    expect(await simulator.emitted()).toEqual([]);
  });
});
