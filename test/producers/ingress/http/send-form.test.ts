// The send form's API: the four answers that its client knows.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
});
afterAll(() => ingress.app.close());
beforeEach(() => {
  ingress.clear();
});

const form = {
  fromEmail: 'from@example.com',
  fromName: 'From "the" Name',
  toEmail: 'to@example.com',
  toName: 'To Name',
  subject: 'Test {{ subject }}',
  body: 'Test {% body %} & <b>',
};
const post = (payload: string, headers: Record<string, string> = {}) =>
  ingress.app.inject({ method: 'POST', url: '/email/send', headers: { ...withKey, ...headers }, payload });
const send = (email: unknown) => post(JSON.stringify({ email }));

test.each([['application/json'], ['application/x-www-form-urlencoded'], ['text/plain; charset=utf-8']])(
  'takes a mail under the media type %s and answers its message id',
  async (type) => {
    const answer = await post(JSON.stringify({ email: { ...form, more: 1 } }), { 'content-type': type });
    expect(answer.statusCode).toBe(200);
    expect(Object.keys(answer.json<object>())).toEqual(['messageId']);
    expect(answer.json<{ messageId: string }>().messageId).toMatch(/^msg_[0-9a-f-]{36}$/);
    expect(JSON.parse(String(ingress.published[0]?.value))).toMatchObject({
      from: '"From \\"the\\" Name" <from@example.com>',
      subject: '{{ subject }}',
      text: '{{ body }}',
      recipients: [
        { email: 'to@example.com', name: 'To Name', substitutions: { subject: form.subject, body: form.body } },
      ],
    });
  },
);

test.each([['Upper.Case+tag@EXAMPLE.COM'], ['ann@shop.photography'], ['ann@bücher.example']])(
  'takes the address %s',
  async (toEmail) => {
    expect((await send({ ...form, toEmail })).statusCode).toBe(200);
  },
);

test.each([
  [{ ...form, fromEmail: 'nonValidEmail' }, { fromEmail: 'From email is not a valid email' }],
  [{ ...form, toEmail: undefined }, { toEmail: 'To email is required' }],
  [{ ...form, body: '' }, { body: 'Body is required' }],
  [{ ...form, toEmail: 'a@example.com, b@example.com' }, { toEmail: 'To email is not a valid email' }],
  [{ ...form, subject: 'a\nBcc: eve@example.org' }, { subject: 'Subject must not contain line breaks' }],
  [{}, { fromEmail: 'From email is required', toEmail: 'To email is required', body: 'Body is required' }],
  [undefined, { fromEmail: 'From email is required', toEmail: 'To email is required', body: 'Body is required' }],
])('answers %j with 422 and a sentence for each field', async (email, errors) => {
  const answer = await send(email);
  expect([answer.statusCode, answer.json()]).toEqual([422, { errors }]);
  expect(ingress.published).toEqual([]);
});

test.each([
  ['nothing', ''],
  ['no JSON', 'this is not json'],
  ['a list', '[]'],
  ['a number for text', JSON.stringify({ email: { ...form, body: 7 } })],
  ['more than 204,800 bytes', JSON.stringify({ email: { ...form, body: 'x'.repeat(204_800) } })],
  ['100,000 levels', `${'{"email":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
])('answers %s with 400', async (_, payload) => {
  const answer = await post(payload);
  expect([answer.statusCode, answer.json()]).toEqual([400, { errors: { base: 'Could not decode JSON body' } }]);
  expect(ingress.published).toEqual([]);
});

test('answers 503 while Kafka is away', async () => {
  ingress.failWith(new InfrastructureError('kafka-away', 'away'));
  const answer = await send(form);
  expect([answer.statusCode, answer.json()]).toEqual([503, { errors: { base: 'Service unavailable' } }]);
});
