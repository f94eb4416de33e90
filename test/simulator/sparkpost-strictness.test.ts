import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, testCredentials, type TestSimulator } from './start-simulator.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

type Fields = Readonly<Record<string, unknown>>;

const send = async (body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${simulator.address}/sparkpost/api/v1/transmissions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: testCredentials.sparkpostKey, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Fields };
};
const content = (change: Fields = {}): Fields => ({
  from: { email: 'news@acme.example' },
  subject: 'Hi',
  text: 'Hi',
  ...change,
});
const to = (email: string, more: Fields = {}): Fields => ({ address: { email }, ...more });
const mail = (change: Fields = {}): Fields => ({ recipients: [to('a@example.org')], content: content(), ...change });

describe('The simulated SparkPost', () => {
  it('takes a transmission with one id for all, and counts', async () => {
    const answer = await send(mail({ recipients: [to('a@example.org'), to('b@example.org')] }));
    expect(answer).toMatchObject({
      status: 200,
      body: { results: { total_accepted_recipients: 2, total_rejected_recipients: 0, id: expect.any(String) } },
    });
    expect(await simulator.accepted()).toHaveLength(2);
  });

  it('leaves out a bad recipient without naming it', async () => {
    const answer = await send(mail({ recipients: [to('a@example.org'), to('nobody')] }));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        errors: [{ code: '2000' }],
        results: {
          total_accepted_recipients: 1,
          total_rejected_recipients: 1,
          rcpt_to_errors: [{ message: expect.any(String), code: '1300' }],
        },
      },
    });
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it.each<[string, unknown, number, string]>([
    ['no JSON', '{', 400, '1300'],
    ['nobody to send to', mail({ recipients: [to('nobody')] }), 400, '5002'],
    ['no recipients', mail({ recipients: [] }), 422, '1400'],
    ['no content', { recipients: [to('a@example.org')] }, 422, '1400'],
    ['no sender', mail({ content: content({ from: undefined }) }), 422, '1400'],
    ['no subject', mail({ content: content({ subject: '' }) }), 422, '1400'],
    ['no text', mail({ content: content({ text: undefined }) }), 422, '1400'],
    ['a header of its own', mail({ content: content({ headers: { To: 'x' } }) }), 422, '1300'],
    ['a broken expression', mail({ content: content({ text: '{{x' }) }), 422, '3000'],
    ['stray braces', mail({ content: content({ html: '@media { a { b } }}' }) }), 422, '3000'],
    ['a statement it does not know', mail({ content: content({ subject: '{{#if x}}' }) }), 422, '3000'],
    ['a long campaign', mail({ campaign_id: 'x'.repeat(65) }), 422, '1300'],
    [
      'an attachment that is no base64',
      mail({ content: content({ attachments: [{ name: 'a', type: 'x/y', data: '*' }] }) }),
      422,
      '1300',
    ],
    [
      'eleven tags',
      mail({ recipients: [to('a@example.org', { tags: Array.from({ length: 11 }, String) })] }),
      400,
      '5002',
    ],
  ])('refuses %s and takes nothing', async (_what, body, status, code) => {
    const answer = await send(body);
    expect(answer.status).toBe(status);
    expect(answer.body['errors']).toEqual([expect.objectContaining({ message: expect.any(String), code })]);
    expect(await simulator.accepted()).toEqual([]);
  });

  it('refuses a foreign key, and a scheme before it', async () => {
    expect((await send(mail(), { authorization: 'other' })).status).toBe(401);
    expect((await send(mail(), { authorization: `Bearer ${testCredentials.sparkpostKey}` })).status).toBe(401);
  });

  it('answers a repeated key as the first time, and mails nobody again', async () => {
    const key = { 'idempotency-key': 'k-1' };
    const [first, again, other] = [
      await send(mail(), key),
      await send(mail(), key),
      await send(mail({ campaign_id: 'c' }), key),
    ];
    expect(again.body).toEqual(first.body);
    expect([first, again].map(({ headers }) => headers.get('x-idempotent-replayed'))).toEqual([null, 'true']);
    expect(other).toMatchObject({ status: 409, body: { errors: [{ code: '1600' }] } });
    expect((await send(mail(), { 'idempotency-key': 'x'.repeat(300) })).body).toMatchObject({
      errors: [{ code: '1602' }],
    });
    expect(await simulator.accepted()).toHaveLength(1);
  });

  it('escapes values in HTML, and in links, unless told not to', async () => {
    const html = '{{v}}|{{{v}}}|<a href="https://x.example/?q={{v}}">{{gone}}{{opening_double_curly()}}</a>';
    await send(
      mail({ content: content({ html }), recipients: [to('a@example.org', { substitution_data: { v: '<b> c' } })] }),
    );
    expect((await simulator.accepted())[0]?.html).toBe(
      '&lt;b&gt; c|<b> c|<a href="https://x.example/?q=%3Cb%3E%20c">{{</a>',
    );
  });

  it('tells events with its credentials until it hears 200 and nothing else', async () => {
    await simulator.control('sparkpost', { delivered: 1, opened: 0, clicked: 0, complained: 0, webhookDelayMs: 1 });
    simulator.answerWith(204);
    await send(mail());
    await simulator.until(() => (simulator.posts('sparkpost').length >= 2 ? true : undefined));
    simulator.answerWith(200);
    const batches = new Set(simulator.posts('sparkpost').map(({ headers }) => headers['x-messagesystems-batch-id']));
    expect(batches.size).toBe(1);
    const { webhookUser, webhookPassword } = testCredentials;
    expect(simulator.posts('sparkpost')[0]?.headers['authorization']).toBe(
      `Basic ${Buffer.from(`${webhookUser}:${webhookPassword}`).toString('base64')}`,
    );
  });
});
