import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress();
});
beforeEach(() => {
  ingress.clear();
});
afterAll(() => ingress.app.close());

const mail = (more: object = {}) => ({
  from: 'a@acme.example',
  subject: 's',
  text: 'x',
  recipients: [{ email: 'ann@example.org' }],
  ...more,
});
const post = async (body: object) => {
  const answer = await ingress.app.inject({ method: 'POST', url: '/v1/emails', headers: withKey, payload: body });
  const { errors = [] } = answer.json<{ errors?: { pointer: string }[] }>();
  return { status: answer.statusCode, pointers: errors.map(({ pointer }) => pointer) };
};
const attachment = (more: object) => ({
  attachments: [{ filename: 'a.txt', contentType: 'text/plain', content: 'eA==', ...more }],
});

describe('What would add a header, a recipient or a second message', () => {
  const places: readonly (readonly [place: string, pointer: string, with_: (text: string) => object])[] = [
    ['the subject', '/subject', (text) => ({ subject: text })],
    ['the sender’s name', '/from', (text) => ({ from: `${text} <a@acme.example>` })],
    ['the sender’s address', '/from', (text) => ({ from: `a${text}@acme.example` })],
    ['the address for replies', '/replyTo', (text) => ({ replyTo: `a${text}@acme.example` })],
    ['a recipient', '/recipients/0/email', (text) => ({ recipients: [{ email: `ann@example.org${text}` }] })],
    [
      'a recipient’s name',
      '/recipients/0/name',
      (text) => ({ recipients: [{ email: 'ann@example.org', name: text }] }),
    ],
    [
      'a copy',
      '/recipients/0/cc/0',
      (text) => ({ recipients: [{ email: 'ann@example.org', cc: [`b@c.example${text}`] }] }),
    ],
    [
      'a blind copy',
      '/recipients/0/bcc/0',
      (text) => ({ recipients: [{ email: 'ann@example.org', bcc: [`b@c.example${text}`] }] }),
    ],
    ['a header’s value', '/headers/X-Ref', (text) => ({ headers: { 'X-Ref': text } })],
    ['a tag', '/tags/0', (text) => ({ tags: [text] })],
    ['a batch', '/batch/id', (text) => ({ batch: { id: text } })],
    ['a file’s name', '/attachments/0/filename', (text) => attachment({ filename: text })],
    ['a file’s type', '/attachments/0/contentType', (text) => attachment({ contentType: `text/plain${text}` })],
    ['a content id', '/attachments/0/contentId', (text) => attachment({ contentId: text })],
  ];
  const tricks = [
    ['CRLF', 'x\r\nBcc: evil@evil.example'],
    ['a bare LF', 'x\nBcc: evil@evil.example'],
    ['a bare CR', 'x\rBcc: evil@evil.example'],
    ['NUL', 'x\u0000y'],
    ['the end of a message', 'x\r\n.\r\nMAIL FROM:<evil@evil.example>'],
  ] as const;

  it.each(
    places.flatMap(([place, pointer, with_]) =>
      tricks.map(([trick, text]) => [trick, place, pointer, with_(text)] as const),
    ),
  )('is refused: %s in %s', async (_trick, _place, pointer, body) => {
    expect(await post(mail(body))).toEqual({ status: 422, pointers: [pointer] });
    expect(ingress.published).toEqual([]);
  });

  it.each(['X-Ref\r\nBcc', 'X-Ref: a', 'X Ref', 'X-Réf', ''])(
    'is refused as the name of a header: %j',
    async (name) => {
      expect((await post(mail({ headers: { [name]: 'x' } }))).status).toBe(422);
    },
  );

  it('is refused where one address is asked for: lists, groups, routes and what stands behind one', async () => {
    for (const email of [
      'ann@example.org, ben@example.org',
      'ann@example.org;ben@example.org',
      'friends: ann@example.org, ben@example.org;',
      '<@relay.example:ann@example.org>',
      'ann@example.org ben@example.org',
      '"ann@example.org" <ben@example.org> carl@example.org',
    ]) {
      expect([email, await post(mail({ recipients: [{ email }] }))]).toEqual([
        email,
        { status: 422, pointers: ['/recipients/0/email'] },
      ]);
    }
  });
});

describe('What is not the sender’s to say', () => {
  it.each([
    ...['Bcc', 'Cc', 'To', 'From', 'Sender', 'Reply-To', 'Return-Path', 'Subject', 'Date', 'Message-ID'],
    ...['DKIM-Signature', 'ARC-Seal', 'Authentication-Results', 'Received', 'MIME-Version', 'Content-Type'],
    ...['Content-Transfer-Encoding', 'X-SMTPAPI', 'x-smtpapi', 'X-Mailfleet-Message', 'X-SES-CONFIGURATION-SET'],
    ...['X-PM-Message-Stream', 'X-MSYS-API', 'X-MC-Tags', 'X-SG-EID', 'List-Unsubscribe'],
  ])('is refused: the header %s', async (name) => {
    expect(await post(mail({ headers: { [name]: 'x' } }))).toEqual({ status: 422, pointers: [`/headers/${name}`] });
  });

  it.each([
    { path: '/etc/passwd' },
    { href: 'http://169.254.169.254/' },
    { raw: 'From: a' },
    { encoding: '7bit' },
    { headers: { Bcc: 'x@y.example' } },
  ])('is refused: an attachment with %j', async (more) => {
    expect(await post(mail(attachment(more)))).toMatchObject({ status: 400 });
  });

  it.each(['file:///etc/passwd', 'data:text/plain,x', 'http://127.0.0.1/', '!!!', 'eA=', 'eA\r\n=='])(
    'is refused: an attachment whose content is %j',
    async (content) => {
      expect(await post(mail(attachment({ content })))).toEqual({ status: 422, pointers: ['/attachments/0/content'] });
    },
  );

  it.each([
    { status: 'sent' },
    { accountId: 'other' },
    { role: 'admin' },
    { weight: 1_000 },
    { esp: 'sendgrid' },
    { envelope: { to: ['x@y.example'] } },
    { raw: 'From: a' },
    { dkim: {} },
    { id: 'req_1' },
  ])('is refused: %j', async (more) => {
    expect(await post(mail(more))).toMatchObject({ status: 400 });
  });
});

it('takes an attachment of 60 MB for what it is: too large', async () => {
  const content = Buffer.alloc(45_000_000).toString('base64');
  const answer = await ingress.app.inject({
    method: 'POST',
    url: '/v1/emails',
    headers: withKey,
    payload: mail(attachment({ content })),
  });
  expect(answer.statusCode).toBe(413);
});
