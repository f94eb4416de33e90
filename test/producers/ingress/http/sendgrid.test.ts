// SendGrid's official client, pointed at a listening ingress; and its answers' shapes.
import client from '@sendgrid/client';
import mail from '@sendgrid/mail';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { compileContent } from '../../../../shared/render/compile-content.ts';
import { adminKey, testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
  const url = await ingress.app.listen({ port: 0, host: '127.0.0.1' });
  client.setApiKey(adminKey);
  client.setDefaultRequest('baseUrl', url);
  mail.setClient(client);
});
afterAll(() => ingress.app.close());
beforeEach(() => {
  ingress.clear();
});

interface SentRecord {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
  readonly recipients: readonly {
    readonly email: string;
    readonly substitutions: Record<string, unknown>;
    readonly metadata?: Record<string, string>;
    readonly cc?: string[];
    readonly bcc?: string[];
  }[];
  readonly [more: string]: unknown;
}
const records = (): SentRecord[] => ingress.published.map(({ value }) => JSON.parse(String(value)) as SentRecord);

/** The mail as its reader gets it. */
const rendered = (record: SentRecord, index: number) => {
  const { subject, text, html } = record;
  const compiled = compileContent(
    { subject, ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) },
    { strictVariables: true },
  );
  const values = Object.entries(compiled.valuesFor(record.recipients[index]?.substitutions ?? {}));
  const fill = (template: string | undefined) =>
    values.reduce((filled, [token, value]) => filled?.replaceAll(token, value), template);
  return { subject: fill(compiled.texts.subject), text: fill(compiled.texts.text), html: fill(compiled.texts.html) };
};

const post = (payload: unknown, headers: Record<string, string> = withKey) =>
  ingress.app.inject({
    method: 'POST',
    url: '/v3/mail/send',
    headers: { ...headers, 'content-type': 'application/json' },
    payload: JSON.stringify(payload),
  });
const plain = (more: object = {}) => ({
  personalizations: [{ to: [{ email: 'ann@example.org' }] }],
  from: { email: 'news@acme.example' },
  subject: 'Hello',
  content: [{ type: 'text/plain', value: 'Hi' }],
  ...more,
});

describe('The official client', () => {
  test('sends with substitutions, copies, attachments, categories, arguments and a time', async () => {
    const [response] = await mail.send({
      personalizations: [
        {
          to: [{ email: 'ann@example.org', name: 'Ann "A" B' }, 'anna@example.org'],
          cc: 'carl@example.org',
          bcc: ['dora@example.org'],
          substitutions: { name: 'Ann <3', place: '%home%' },
          customArgs: { cart: '7' },
        },
        { to: 'ben@example.org', subject: 'For {{name}} alone', substitutions: { name: 'Ben', place: 'there' } },
      ],
      from: { email: 'news@acme.example', name: 'News' },
      replyTo: 'help@acme.example',
      subject: 'Hello {{name}}',
      text: 'Hi {{name}}, {{ unknown }} {% stays %} at {{place}}{',
      html: '<p>Hi {{name}}</p>',
      sections: { '%home%': 'home, {{name}}' },
      attachments: [
        { content: 'YQ==', filename: 'a.pdf', type: 'application/pdf', disposition: 'attachment' },
        { content: 'Yg==', filename: 'b.png', type: 'image/png', disposition: 'inline', contentId: 'img' },
      ],
      categories: ['welcome'],
      customArgs: { shop: 'x' },
      headers: { 'X-Ref': '1' },
      sendAt: 4_102_444_800,
      asm: { groupId: 12 },
      trackingSettings: { clickTracking: { enable: true } },
    });
    expect([response.statusCode, response.body]).toEqual([202, '']);
    const [record, ...others] = records();
    expect(others).toEqual([]);
    expect(record).toMatchObject({
      id: Reflect.get(response.headers as object, 'x-message-id') as string,
      from: '"News" <news@acme.example>',
      replyTo: 'help@acme.example',
      tags: ['welcome'],
      headers: { 'X-Ref': '1' },
      unsubscribe: { list: '12' },
      sendAt: '2100-01-01T00:00:00.000Z',
      attachments: [
        { filename: 'a.pdf', contentType: 'application/pdf', content: 'YQ==' },
        { filename: 'b.png', contentType: 'image/png', content: 'Yg==', contentId: 'img' },
      ],
      recipients: [
        {
          email: '"Ann \\"A\\" B" <ann@example.org>',
          cc: ['carl@example.org'],
          bcc: ['dora@example.org'],
          metadata: { shop: 'x', cart: '7' },
        },
        { email: 'anna@example.org', metadata: { shop: 'x', cart: '7' } },
        { email: 'ben@example.org', metadata: { shop: 'x' } },
      ],
    });
    expect(record?.recipients[1]).not.toHaveProperty('cc');
    if (record === undefined) return;
    expect(rendered(record, 0)).toEqual({
      subject: 'Hello Ann <3',
      text: 'Hi Ann <3, {{ unknown }} {% stays %} at home, Ann <3{',
      html: '<p>Hi Ann <3</p>',
    });
    expect(rendered(record, 2)).toEqual({
      subject: 'For Ben alone',
      text: 'Hi Ben, {{ unknown }} {% stays %} at there{',
      html: '<p>Hi Ben</p>',
    });
  });

  test('hears what is wrong as SendGrid says it', async () => {
    const refused = mail.send({ to: 'no address', from: 'news@acme.example', subject: 's', text: 't' });
    await expect(refused).rejects.toMatchObject({
      code: 400,
      response: {
        body: {
          errors: [
            { message: 'Does not contain a valid address.', field: 'personalizations.0.to.0.email', help: null },
          ],
        },
      },
    });
    expect(ingress.published).toEqual([]);
  });
});

describe('POST /v3/mail/send', () => {
  test('makes a request of its own of each sender, set of headers and time', async () => {
    const personalizations = [
      { to: [{ email: 'a@example.org' }] },
      { to: [{ email: 'b@example.org' }], from: { email: 'other@acme.example' } },
      { to: [{ email: 'c@example.org' }], send_at: 4_102_444_800 },
      { to: [{ email: 'd@example.org' }] },
    ];
    expect((await post(plain({ personalizations }))).statusCode).toBe(202);
    expect(
      records().map(({ from, sendAt, recipients }) => [from, sendAt, recipients.map(({ email }) => email)]),
    ).toEqual([
      ['news@acme.example', undefined, ['a@example.org', 'd@example.org']],
      ['other@acme.example', undefined, ['b@example.org']],
      ['news@acme.example', '2100-01-01T00:00:00.000Z', ['c@example.org']],
    ]);
  });

  test('checks in sandbox mode, and sends nothing', async () => {
    const sandbox = { mail_settings: { sandbox_mode: { enable: true } } };
    expect((await post(plain(sandbox))).statusCode).toBe(200);
    expect((await post(plain({ ...sandbox, headers: { DKIM: 'x' } }))).statusCode).toBe(400);
    expect(ingress.published).toEqual([]);
  });

  test.each([
    ['no recipients', { personalizations: [] }, 'personalizations'],
    ['no content', { content: [] }, 'content'],
    ['no subject', { subject: undefined }, 'personalizations.0.subject'],
    ['a type of content that is not carried', { content: [{ type: 'text/calendar', value: 'x' }] }, 'content.0.type'],
    ['a header that may not be set', { headers: { 'DKIM-Signature': 'x' } }, 'headers.DKIM-Signature'],
    ['a line break in the subject', { subject: 'a\r\nBcc: eve@example.org' }, 'subject'],
    ['no sender', { from: undefined }, 'from'],
    ['a number for a name', { from: { email: 'news@acme.example', name: 7 } }, 'from.name'],
  ])('refuses %s with 400 and its field, and sends nothing', async (_, more, field) => {
    const answer = await post(plain(more));
    expect(answer.statusCode).toBe(400);
    const { errors } = answer.json<{ errors: { field: string; message: string }[] }>();
    expect(errors.map((error) => error.field)).toContain(field);
    expect(ingress.published).toEqual([]);
  });

  test.each([
    ['401 without a key', {}, undefined, 401],
    ['401 with a wrong one', { authorization: 'Bearer SG.guess' }, undefined, 401],
    ['503 while Kafka is away', withKey, new InfrastructureError('kafka-away', 'away'), 503],
  ])('answers %s in its own shape', async (_, headers, fault, status) => {
    ingress.failWith(fault);
    const answer = await post(plain(), headers);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({ errors: [{ message: expect.any(String), field: null, help: null }] });
  });

  test('answers 400 to what is no JSON', async () => {
    const answer = await ingress.app.inject({
      method: 'POST',
      url: '/v3/mail/send',
      headers: { ...withKey, 'content-type': 'application/json' },
      payload: '{"personalizations"',
    });
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { errors: [{ message: 'Bad Request', field: null, help: null }] },
    ]);
  });
});
