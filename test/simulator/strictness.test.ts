import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;

const post = async (path: string, headers: Record<string, string>, body: unknown) => {
  const response = await fetch(simulator.address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe('The simulated SendGrid', () => {
  const headers = { authorization: `Bearer ${testCredentials.apiKey}` };
  const to = (email: string, more: Fields = {}) => ({ to: [{ email }], ...more });
  const mail = (change: Fields = {}): Fields => ({
    personalizations: [to('a@example.org')],
    from: { email: 'news@acme.example' },
    subject: 'Hi',
    content: [{ type: 'text/plain', value: 'Hi' }],
    ...change,
  });
  const send = (body: unknown, given: Record<string, string> = headers) => post('/sendgrid/v3/mail/send', given, body);

  it('takes a mail with 202, no body and one id for the call', async () => {
    const answer = await send(mail({ personalizations: [to('a@example.org'), to('b@example.org')] }));
    expect([answer.status, answer.text]).toEqual([202, '']);
    const accepted = await simulator.accepted();
    expect(accepted.map(({ email }) => email)).toEqual(['a@example.org', 'b@example.org']);
    expect(new Set(accepted.map(({ providerMessageId }) => providerMessageId))).toEqual(
      new Set([answer.headers.get('x-message-id')]),
    );
  });

  const many = (count: number) => Array.from({ length: count }, (_, index) => to(`p${index}@example.org`));
  it.each<[string, unknown, string | null]>([
    ['no JSON', '{', null],
    ['no recipients', mail({ personalizations: [] }), 'personalizations'],
    ['1001 personalizations', mail({ personalizations: many(1_001) }), 'personalizations'],
    ['an address twice', mail({ personalizations: [to('a@example.org'), to('A@example.org')] }), 'personalizations.1'],
    ['an address that is none', mail({ personalizations: [to('nobody')] }), 'personalizations.0.to.0.email'],
    ['no sender', mail({ from: undefined }), 'from'],
    ['no subject', mail({ subject: '' }), 'subject'],
    ['no content', mail({ content: [] }), 'content'],
    ['an empty content', mail({ content: [{ type: 'text/plain', value: '' }] }), 'content.0.value'],
    ['a header of its own', mail({ headers: { 'Reply-To': 'x@y.example' } }), 'headers'],
    [
      'values over 10,000 bytes',
      mail({ personalizations: [to('a@example.org', { substitutions: { k: 'x'.repeat(10_001) } })] }),
      'personalizations.0.substitutions',
    ],
    [
      'a value that is no text',
      mail({ personalizations: [to('a@example.org', { custom_args: { k: 1 } })] }),
      'personalizations.0.custom_args.k',
    ],
    ['eleven categories', mail({ categories: Array.from({ length: 11 }, String) }), 'categories'],
    ['an unknown field', mail({ subjct: 'x' }), 'subjct'],
    [
      'an attachment that is no base64',
      mail({ attachments: [{ filename: 'a', content: '*' }] }),
      'attachments.0.content',
    ],
    ['an hour too far off', mail({ send_at: Math.floor(Date.now() / 1000) + 73 * 3_600 }), 'send_at'],
  ])('refuses %s with 400 and takes nothing', async (_what, body, field) => {
    const answer = await send(body);
    expect(answer.status).toBe(400);
    const { errors } = JSON.parse(answer.text) as { errors: Fields[] };
    expect(errors[0]).toEqual({ message: expect.any(String), field, help: null });
    expect(await simulator.accepted()).toEqual([]);
  });

  it('refuses a foreign key with 401, and a body over 30 MB with a page of HTML', async () => {
    expect((await send(mail(), { authorization: 'Bearer SG.other' })).status).toBe(401);
    expect((await send(mail(), {})).status).toBe(401);
    const big = await send(mail({ content: [{ type: 'text/plain', value: 'x'.repeat(30_000_001) }] }));
    expect([big.status, big.headers.get('content-type')]).toEqual([413, 'text/html']);
    expect(big.text).toMatch(/^<html>/);
  });

  it('tells with 429 when the caller may come back', async () => {
    await simulator.control('sendgrid', { rate429: 1 });
    const answer = await send(mail());
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('x-ratelimit-reset'))).toBeGreaterThanOrEqual(Math.floor(Date.now() / 1000));
  });

  it('takes nothing in its sandbox', async () => {
    const answer = await send(mail({ mail_settings: { sandbox_mode: { enable: true } } }));
    expect(answer.status).toBe(200);
    expect(await simulator.accepted()).toEqual([]);
  });
});

describe('The simulated Postmark', () => {
  const headers = { 'x-postmark-server-token': testCredentials.serverToken };
  const message = (change: Fields = {}): Fields => ({
    From: '"News, Inc." <news@acme.example>',
    To: 'a@example.org',
    Subject: 'Hi',
    TextBody: 'Hi',
    ...change,
  });
  const single = (body: unknown, given: Record<string, string> = headers) => post('/postmark/email', given, body);
  const batch = (body: unknown) => post('/postmark/email/batch', headers, body);

  it('takes a mail with 200 and an id', async () => {
    const answer = await single(message({ Cc: '"B, C" <b@example.org>, c@example.org' }));
    expect(answer.status).toBe(200);
    const result = JSON.parse(answer.text) as Fields;
    expect(result).toMatchObject({ ErrorCode: 0, Message: 'OK', To: 'a@example.org' });
    expect(await simulator.accepted()).toEqual([
      expect.objectContaining({
        from: '"News, Inc." <news@acme.example>',
        cc: ['"B, C" <b@example.org>', 'c@example.org'],
        providerMessageId: result['MessageID'],
      }),
    ]);
  });

  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));
  it.each<[string, unknown, number]>([
    ['no JSON', '{', 402],
    ['no sender', message({ From: undefined }), 300],
    ['no recipient', message({ To: '' }), 300],
    ['an address that is none', message({ To: 'nobody' }), 300],
    ['51 recipients', message({ Bcc: Array.from({ length: 50 }, (_, index) => `p${index}@example.org`).join() }), 300],
    ['an inactive recipient', message({ To: 'inactive@example.org' }), 406],
    ['no body', message({ TextBody: '' }), 300],
    ['eleven pairs of metadata', message({ Metadata: pairs(11) }), 300],
    ['a long name of metadata', message({ Metadata: { ['n'.repeat(21)]: 'v' } }), 300],
    ['a long value of metadata', message({ Metadata: { n: 'v'.repeat(81) } }), 300],
    ['names of metadata that differ only in case', message({ Metadata: { n: '1', N: '2' } }), 300],
    ['a metadata value that is no text', message({ Metadata: { n: 1 } }), 403],
    [
      'a file type that it does not carry',
      message({ Attachments: [{ Name: 'a.exe', Content: '', ContentType: 'x/y' }] }),
      411,
    ],
  ])('refuses %s with 422 and an ErrorCode, and in a batch by the item', async (_what, body, code) => {
    const answer = await single(body);
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.text)).toEqual({ ErrorCode: code, Message: expect.any(String) });
    if (typeof body === 'string') return;
    const batched = await batch([body, message()]);
    expect(batched.status).toBe(200);
    expect((JSON.parse(batched.text) as Fields[]).map(({ ErrorCode }) => ErrorCode)).toEqual([code, 0]);
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it('refuses a foreign token and a batch of 501', async () => {
    const foreign = await single(message(), { 'x-postmark-server-token': 'other' });
    expect([foreign.status, JSON.parse(foreign.text)]).toEqual([401, expect.objectContaining({ ErrorCode: 10 })]);
    const long = await batch(Array.from({ length: 501 }, () => message()));
    expect([long.status, JSON.parse(long.text)]).toEqual([422, expect.objectContaining({ ErrorCode: 410 })]);
  });
});

describe('The controls', () => {
  const put = (kind: string, body: unknown) =>
    fetch(`${simulator.address}/control/${kind}`, { method: 'PUT', body: JSON.stringify(body) });

  it('change what is named and nothing else', async () => {
    const answer = await put('postmark', { bounced: 0.5, perMailboxProvider: { gmail: { delivered: 0.1 } } });
    const settings = (await answer.json()) as Fields;
    expect(settings).toMatchObject({ bounced: 0.5, outage: false, webhookCopies: 1 });
    const all = (await (await fetch(`${simulator.address}/control`)).json()) as Record<string, unknown>;
    expect(all['postmark']).toEqual(settings);
    expect(all['sendgrid']).not.toEqual(settings);
  });

  it.each([{ bounced: 2 }, { bouncd: 0.1 }, { webhookCopies: -1 }, { perMailboxProvider: { gmail: 1 } }, 'x'])(
    'refuse %j',
    async (body) => {
      expect((await put('sendgrid', body)).status).toBe(400);
    },
  );

  it('know no other ESP', async () => {
    expect((await put('nobody', {})).status).toBe(404);
  });
});
