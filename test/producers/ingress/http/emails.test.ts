import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { emailRecord } from '../../../../shared/contracts/email.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

const good = {
  from: 'News <news@acme.example>',
  subject: 'Hello {{name}}',
  text: 'Hi {{name}}',
  recipients: [{ email: 'Ann <ann@GMAIL.com>', substitutions: { name: 'Ann' } }, { email: 'bob@example.org' }],
};
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
});
afterAll(() => ingress.app.close());
beforeEach(() => {
  ingress.clear();
});

const post = (body: unknown, headers: Readonly<Record<string, string>> = withKey) =>
  ingress.app.inject({
    method: 'POST',
    url: '/v1/emails',
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });
type Answer = Awaited<ReturnType<typeof post>>;
const problemOf = (
  answer: Answer,
): { status: number; title: string; detail?: string; errors?: { pointer: string; detail: string }[] } => {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const problem = answer.json<{ status: number; title: string }>();
  expect(problem.status).toBe(answer.statusCode);
  return problem;
};
const pointersOf = (answer: Answer): string[] => (problemOf(answer).errors ?? []).map(({ pointer }) => pointer);

describe('POST /v1/emails', () => {
  it('answers 202 with the request’s id, its place and an id for each recipient', async () => {
    const answer = await post(good);
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe('/v1/emails/req_1');
    expect(answer.json()).toEqual({
      id: 'req_1',
      accepted: 2,
      messages: [
        { id: expect.stringMatching(/^msg_[0-9a-f-]{36}$/), email: 'ann@gmail.com' },
        { id: expect.stringMatching(/^msg_[0-9a-f-]{36}$/), email: 'bob@example.org' },
      ],
    });
  });

  it('has put the request on its lane’s topic by then, keyed by request and part', async () => {
    await post(good);
    await post({ ...good, class: 'bulk' });
    expect(ingress.published.map(({ topic, key }) => [topic, key])).toEqual([
      ['email-send', 'req_1:0'],
      ['email-send-bulk', 'req_2:0'],
    ]);
    const record = emailRecord.parse(JSON.parse(ingress.published[0]?.value.toString() ?? ''));
    expect(record).toMatchObject({ ...good, id: 'req_1', accountId: 'admin' });
  });

  it('keeps large content before the records that point to it', async () => {
    const answer = await post({ ...good, html: `<p>${'x'.repeat(400_000)}</p>` });
    expect(answer.statusCode).toBe(202);
    expect([...ingress.blobs.keys()]).toEqual(['content/req_1.json']);
    expect(ingress.published[0]?.value.length).toBeLessThan(10_000);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { authorization: `Bearer ${'x'.repeat(32)}` }],
    ['the key without Bearer', { authorization: 'k'.repeat(32) }],
    ['a part of the key', { authorization: `Bearer ${'k'.repeat(31)}` }],
    ['an empty key', { authorization: 'Bearer ' }],
  ])('answers 401 to %s, always the same, and takes nothing', async (_, headers) => {
    const answer = await post(good, headers);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(problemOf(answer)).toEqual({
      type: 'about:blank',
      title: 'Not authenticated',
      status: 401,
      detail: 'Send a valid key as Authorization: Bearer <key>.',
    });
    expect(ingress.published).toEqual([]);
  });

  it('asks for the key before it reads the body', async () => {
    expect((await post('{', {})).statusCode).toBe(401);
  });

  it.each([
    ['at the top', { ...good, status: 'sent' }, '/status'],
    ['whose name needs escaping', { ...good, 'a/b~c': 1 }, '/a~1b~0c'],
    ['in a recipient', { ...good, recipients: [{ email: 'a@b.example', weight: 5 }] }, '/recipients/0/weight'],
    ['that belongs to records', { ...good, accountId: 'other' }, '/accountId'],
    ['called constructor', JSON.stringify(good).replace('{', '{"constructor":{"prototype":{}},'), '/constructor'],
  ])('answers 400 to a property nobody knows %s', async (_, body, pointer) => {
    const answer = await post(body);
    expect(answer.statusCode).toBe(400);
    const pointers = pointersOf(answer);
    expect(pointers).toEqual([pointer]);
    expect(ingress.published).toEqual([]);
  });

  it('takes __proto__ for nothing, wherever it stands, and constructor for a name like any other', async () => {
    const body = JSON.stringify({ ...good, data: { deep: { a: 1 }, constructor: { prototype: { b: 2 } } } })
      .replace('{', '{"__proto__":{"class":"otp"},')
      .replace('"a":1', '"a":1,"__proto__":{"polluted":true}');
    expect((await post(body)).statusCode).toBe(202);
    const record = JSON.parse(ingress.published[0]?.value.toString() ?? '') as object;
    expect(record).toMatchObject({ data: { deep: { a: 1 }, constructor: { prototype: { b: 2 } } } });
    expect(record).not.toHaveProperty('class');
    expect(JSON.stringify(record)).not.toContain('polluted');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(['', ' ', 'ü', 'a'.repeat(257), 'a\u0001b'])('refuses the Idempotency-Key %j', async (key) => {
    expect((await post(good, { ...withKey, 'idempotency-key': key })).statusCode).toBe(422);
    expect(ingress.published).toEqual([]);
  });

  it.each([
    ['truncated', '{"from":'],
    ['empty', ''],
    ['no JSON', 'hello'],
  ])('answers 400 to a body that is %s', async (_, body) => {
    expect((await post(body)).statusCode).toBe(400);
    expect(ingress.published).toEqual([]);
  });

  it.each<[string, object, string[]]>([
    ['no recipients', { recipients: [] }, ['/recipients']],
    ['an address that is none', { from: 'nobody' }, ['/from']],
    [
      'a recipient that is none',
      { recipients: [{ email: 'ann@example.org' }, { email: 'x y@z' }] },
      ['/recipients/1/email'],
    ],
    ['nothing to say', { text: undefined }, ['/text']],
    ['a line break in the subject', { subject: 'a\r\nBcc: x@y.example' }, ['/subject']],
    ['a header that may not be set', { headers: { Bcc: 'x@y.example' } }, ['/headers/Bcc']],
    ['an ESP that nobody configured', { esps: ['sendgrid', 'nobody'] }, ['/esps/1']],
    ['a template that is none', { html: '{% if %}' }, ['/html']],
    ['a template that would read a file', { text: "{% include '/etc/passwd' %}" }, ['/text']],
    ['an unknown class', { class: 'urgent' }, ['/class']],
    ['a year nobody can keep', { sendAt: '0000-01-01T00:00:00Z' }, ['/sendAt']],
    ['a null where text belongs', { subject: null }, ['/subject']],
    [
      'several faults at once',
      { from: 'x', replyTo: 'y', recipients: [{ email: 'z@' }] },
      ['/from', '/replyTo', '/recipients/0/email'],
    ],
  ])('answers 422 to %s, each fault at its place', async (_, change, pointers) => {
    const answer = await post({ ...good, ...change });
    expect(answer.statusCode).toBe(422);
    expect(pointersOf(answer)).toEqual(pointers);
    expect(ingress.published).toEqual([]);
  });

  it('answers 422 to a body of another kind', async () => {
    for (const body of ['null', '[]', '"text"', '5']) expect((await post(body)).statusCode).toBe(422);
  });

  it('answers 413 to a message larger than may be sent, and to a body larger than may be read', async () => {
    const attachment = { filename: 'a.bin', contentType: 'application/octet-stream', content: 'A'.repeat(2_000_000) };
    expect(problemOf(await post({ ...good, attachments: [attachment] }))).toMatchObject({ status: 413 });
    expect(problemOf(await post(`{"from":"${'x'.repeat(12_000_000)}"}`))).toMatchObject({ status: 413 });
    expect(ingress.published).toEqual([]);
  });

  it('answers 413 to a recipient whose values fill more than a record', async () => {
    const substitutions = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`v${index}`, 'x'.repeat(99_000)]),
    );
    expect((await post({ ...good, recipients: [{ email: 'a@b.example', substitutions }] })).statusCode).toBe(413);
  });

  it('answers 503 with Retry-After when Kafka does not take it, and what that means', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    const away = await post(good);
    expect(away.statusCode).toBe(503);
    expect(away.headers['retry-after']).toBe('1');
    expect(problemOf(away).detail).toContain('Idempotency-Key');
    ingress.failWith(new InfrastructureError('kafka-full', 'full'));
    expect(problemOf(await post(good)).detail).toContain('Nothing was accepted');
    ingress.failWith(undefined);
    expect((await post(good)).statusCode).toBe(202);
  });

  it('answers 500 without a word about what went wrong inside', async () => {
    ingress.failWith(new TypeError('canary: cannot read properties of undefined'));
    const answer = await post(good);
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('canary');
    expect(answer.body).not.toContain('.ts');
    expect(problemOf(answer).title).toBe('Unexpected fault');
  });

  it('gives 10,000 recipients an id each', async () => {
    const recipients = Array.from({ length: 10_000 }, (_, index) => ({ email: `u${index}@example.org` }));
    const answer = await post({ ...good, text: 'Hi', subject: 'Hi', recipients });
    expect(answer.json<{ accepted: number; messages: unknown[] }>()).toMatchObject({ accepted: 10_000 });
    expect(ingress.published).toHaveLength(10);
    expect((await post({ ...good, recipients: [...recipients, { email: 'one@more.example' }] })).statusCode).toBe(422);
  });
});
