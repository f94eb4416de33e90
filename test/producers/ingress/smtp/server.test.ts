// The SMTP door, spoken to by nodemailer and by bare lines.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startSmtp, type SmtpDoor } from '../../../../producers/ingress/smtp/server.ts';
import { smtpInSettings } from '../../../../producers/ingress/smtp/smtp-in-settings.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { createLog } from '../../../../shared/runtime/log.ts';
import { adminKey, testIngress, type TestIngress } from '../http/ingress.ts';

let ingress: TestIngress;
let door: SmtpDoor;
beforeAll(async () => {
  ingress = await testIngress();
  const log = createLog({ name: 'test', level: 'silent' });
  const settings = { host: '127.0.0.1', port: 0, maxBytes: 2_000_000, tls: undefined, isLoopback: true, log };
  door = await startSmtp(ingress.context, ingress.context, settings);
});
afterAll(() => door.close());
beforeEach(() => {
  ingress.clear();
});

const transport = (pass: string = adminKey) =>
  createTransport({ host: '127.0.0.1', port: door.port, secure: false, auth: { user: 'anybody', pass } });
const records = () => ingress.published.map(({ value }) => JSON.parse(String(value)) as Record<string, unknown>);

describe('A message', () => {
  test('becomes a request in which every recipient is a message of its own', async () => {
    const info = await transport().sendMail({
      from: '"News, daily" <news@acme.example>',
      replyTo: 'help@acme.example',
      to: ['ann@example.org', '"Ben" <ben@example.org>'],
      bcc: 'carl@example.org',
      subject: 'Grüße {{ name }}',
      text: 'Text {% with %} braces {{ and }} é',
      html: '<p>Hi {{ name }} <img src="cid:img1"></p>',
      attachments: [
        { filename: 'a.txt', content: 'hello' },
        { filename: 'b.png', content: 'png', cid: 'img1', contentType: 'image/png' },
      ],
      headers: { 'X-Ref': '1', 'X-Mailfleet-Tags': 'welcome, shop', 'X-Mailfleet-Class': 'bulk', 'X-SMTPAPI': '{}' },
      inReplyTo: '<first@acme.example>',
    });
    const [record, ...others] = records();
    expect(others).toEqual([]);
    expect(info.response).toBe(`250 2.0.0 OK: queued as ${String(record?.['id'])}`);
    expect(ingress.published[0]?.topic).toBe('email-send-bulk');
    expect(record).toMatchObject({
      from: '"News, daily" <news@acme.example>',
      replyTo: 'help@acme.example',
      subject: "Grüße {{ '{' }}{ name }}",
      text: expect.stringContaining("Text {{ '{' }}% with %} braces"),
      html: expect.stringContaining('cid:img1'),
      recipients: [{ email: 'ann@example.org' }, { email: 'ben@example.org' }, { email: 'carl@example.org' }],
      headers: { 'x-ref': '1', 'in-reply-to': '<first@acme.example>' },
      tags: ['welcome', 'shop'],
      class: 'bulk',
      attachments: expect.arrayContaining([
        { filename: 'a.txt', contentType: 'text/plain', content: Buffer.from('hello').toString('base64') },
        {
          filename: 'b.png',
          contentType: 'image/png',
          content: Buffer.from('png').toString('base64'),
          contentId: 'img1',
        },
      ]),
    });
    expect(Object.keys(record?.['headers'] ?? {}).sort()).toEqual(['in-reply-to', 'x-ref']);
    expect(JSON.stringify(record)).not.toContain('bcc');
  });

  const mail = { from: 'news@acme.example', to: 'ann@example.org', subject: 's', text: 't' };

  test('is answered 451 while Kafka is away, so that the client keeps it', async () => {
    ingress.failWith(new InfrastructureError('kafka-away', 'away'));
    await expect(transport().sendMail(mail)).rejects.toMatchObject({ responseCode: 451 });
  });

  test('is answered 552 when it is too large', async () => {
    await expect(transport().sendMail({ ...mail, text: 'x'.repeat(2_100_000) })).rejects.toMatchObject({
      responseCode: 552,
    });
    expect(ingress.published).toEqual([]);
  });

  test('is answered 550 when it cannot be carried, with the reason', async () => {
    await expect(transport().sendMail({ ...mail, headers: { 'X-Mailfleet-Class': 'urgent' } })).rejects.toMatchObject({
      responseCode: 550,
      response: expect.stringContaining('must be one of otp, transactional, bulk'),
    });
    expect(ingress.published).toEqual([]);
  });

  test('is refused without a valid key', async () => {
    await expect(transport('guess').sendMail(mail)).rejects.toMatchObject({ responseCode: 535 });
    expect(ingress.published).toEqual([]);
  });
});

/** A session by hand: says each line after the answer to the one before, and tells all answers' codes. */
const talk = async (lines: readonly string[]): Promise<string[]> => {
  const socket: Socket = connect(door.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  const answers = () => heard.split('\r\n').filter((answer) => /^\d{3} /.test(answer));
  const until = async (count: number): Promise<void> => {
    while (answers().length < count && !socket.destroyed) await once(socket, 'data');
  };
  await until(1);
  for (const [index, line] of lines.entries()) {
    socket.write(`${line}\r\n`);
    await until(index + 2);
  }
  socket.destroy();
  return answers().map((answer) => answer.slice(0, 3));
};
const login = ['EHLO test', `AUTH PLAIN ${Buffer.from(`\0any\0${adminKey}`).toString('base64')}`];

describe('A session', () => {
  test('must sign in before it sends', async () => {
    expect(await talk(['EHLO test', 'MAIL FROM:<news@acme.example>'])).toEqual(['220', '250', '530']);
  });

  test.each([
    ['RCPT TO:<no address>', '501'],
    ['RCPT TO:<ann@localhost>', '553'],
    ['RCPT TO:<ann@example.org,ben@example.org>', '501'],
  ])('is told of a bad recipient: %s', async (line, code) => {
    expect((await talk([...login, 'MAIL FROM:<news@acme.example>', line])).at(-1)).toBe(code);
  });

  test.each([['\n.\n'], ['\n.\r\n'], ['\r\n.\n']])('cannot smuggle a second message behind %j', async (end) => {
    const body = `Subject: one\r\nFrom: news@acme.example\r\n\r\ntext${end}MAIL FROM:<eve@evil.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: two\r\n\r\nmore`;
    const answers = await talk([
      ...login,
      'MAIL FROM:<news@acme.example>',
      'RCPT TO:<ann@example.org>',
      'DATA',
      `${body}\r\n.`,
    ]);
    expect(answers.slice(3)).toEqual(['250', '250', '354', '250']);
    expect(records().map((record) => [record['recipients'], String(record['text']).includes('MAIL FROM')])).toEqual([
      [[{ email: 'ann@example.org' }], true],
    ]);
  });

  test('whose From names two, or carries a header of its own, sends nothing more than that', async () => {
    const send = (head: string) =>
      talk([
        ...login,
        'MAIL FROM:<news@acme.example>',
        'RCPT TO:<ann@example.org>',
        'DATA',
        `${head}\r\n\r\ntext\r\n.`,
      ]);
    expect((await send('From: a@acme.example, b@acme.example')).at(-1)).toBe('550');
    expect(
      (await send('From: a@acme.example\r\nBcc: eve@evil.example\r\nSubject: x\rBcc: eve@evil.example')).at(-1),
    ).toMatch(/250|550/);
    expect(JSON.stringify(records())).not.toMatch(/"b?cc"/);
    for (const record of records()) expect(record['recipients']).toEqual([{ email: 'ann@example.org' }]);
  });
});

describe('The door outside this machine', () => {
  test('needs a certificate, and both halves of it', () => {
    expect(smtpInSettings({ HOST: '0.0.0.0' })).toBeUndefined();
    expect(smtpInSettings({ HOST: '0.0.0.0', SMTP_IN_CERT: 'c', SMTP_IN_KEY: 'k' })).toEqual({
      isLoopback: false,
      tls: { cert: 'c', key: 'k' },
    });
    expect(smtpInSettings({ HOST: '127.0.0.1' })).toEqual({ isLoopback: true, tls: undefined });
    expect(() => smtpInSettings({ HOST: '0.0.0.0', SMTP_IN_CERT: 'c' })).toThrow('SMTP_IN_KEY');
  });
});
