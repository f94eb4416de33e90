import { describe, expect, it } from '@jest/globals';
import { emailRecord, emailRequest, sendRecord } from '../../../shared/contracts/email.ts';

const good = { from: 'news@acme.example', text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
const issues = (value: unknown): string[] =>
  (emailRequest.safeParse(value).error?.issues ?? []).map((issue) => issue.path.join('/'));
const recipients = (count: number) => Array.from({ length: count }, (_, index) => ({ email: `u${index}@example.org` }));
const parse = (json: string): unknown => JSON.parse(json);

describe('A request over HTTP', () => {
  it('has from and recipients, and any of the rest', () => {
    expect(emailRequest.safeParse(good).success).toBe(true);
    expect(issues({ text: 'Hi' })).toEqual(['from', 'recipients']);
    expect(
      issues({
        ...good,
        replyTo: 'help@acme.example',
        subject: '',
        html: '<p>',
        class: 'bulk',
        policy: 'at-most-once',
        batch: { id: 'spring', size: 5, intervalSeconds: 60 },
        sendAt: '2027-01-01T09:00:00Z',
        esps: ['sendgrid'],
        tags: ['welcome'],
        headers: { 'X-Ref': '1' },
        attachments: [{ filename: 'a.pdf', contentType: 'application/pdf', content: 'AAAA', contentId: 'i' }],
        unsubscribe: { list: 'news' },
      }),
    ).toEqual([]);
  });

  it.each([
    ['at the top', { ...good, status: 'sent' }, ''],
    ['in a recipient', { ...good, recipients: [{ email: 'ann@example.org', weight: 1 }] }, 'recipients/0'],
    [
      'in an attachment, which could name a file',
      { ...good, attachments: [{ filename: 'a', contentType: 'a/b', content: '', path: '/etc/passwd' }] },
      'attachments/0',
    ],
    ['in a batch', { ...good, batch: { id: 'a', x: 1 } }, 'batch'],
    ['that only a record may have', { ...good, id: 'mine', accountId: 'other' }, ''],
    [
      'called __proto__',
      parse('{"from":"a@b.co","text":"x","recipients":[{"email":"c@d.co"}],"__proto__":{"class":"otp"}}'),
      '',
    ],
  ])('is refused with a property nobody knows %s', (_, body, path) => {
    const result = emailRequest.safeParse(body);
    expect(result.error?.issues.map((issue) => [issue.code, issue.path.join('/')])).toEqual([
      ['unrecognized_keys', path],
    ]);
  });

  it.each<[string, object, string]>([
    ['no recipient', { recipients: [] }, 'recipients'],
    ['a recipient without address', { recipients: [{ name: 'Ann' }] }, 'recipients/0/email'],
    ['10,001 recipients', { recipients: recipients(10_001) }, 'recipients'],
    ['a line break in the subject', { subject: 'a\r\nBcc: x@y.example' }, 'subject'],
    ['a line break in from', { from: 'a\n@b.example' }, 'from'],
    ['a line break in a name', { recipients: [{ email: 'a@b.example', name: 'a\nb' }] }, 'recipients/0/name'],
    ['a line break in a header', { headers: { 'X-A': 'a\r\nb' } }, 'headers/X-A'],
    ['a colon in a header name', { headers: { 'X:A': 'a' } }, 'headers/X:A'],
    [
      'a line break in a file name',
      { attachments: [{ filename: 'a\nb', contentType: 'a/b', content: '' }] },
      'attachments/0/filename',
    ],
    [
      'an attachment that is not base64',
      { attachments: [{ filename: 'a', contentType: 'a/b', content: 'file:///etc' }] },
      'attachments/0/content',
    ],
    ['NUL in the text', { text: 'a\u0000' }, 'text'],
    [
      'a lone surrogate in a substitution',
      { recipients: [{ email: 'a@b.example', substitutions: { a: '\ud800' } }] },
      'recipients/0/substitutions/a',
    ],
    ['an unknown class', { class: 'urgent' }, 'class'],
    ['a number where text belongs', { subject: 5 }, 'subject'],
    ['a year that Postgres cannot keep', { sendAt: '0000-01-01T00:00:00Z' }, 'sendAt'],
    ['eleven tags', { tags: Array<string>(11).fill('t') }, 'tags'],
  ])('is refused for %s', (_, change, path) => {
    expect(issues({ ...good, ...change })).toEqual([path]);
  });

  it('may have 10,000 recipients', () => {
    expect(issues({ ...good, recipients: recipients(10_000) })).toEqual([]);
  });

  it('pollutes nothing by a substitution called __proto__', () => {
    const body = parse(
      '{"from":"a@b.co","text":"x","recipients":[{"email":"c@d.co","substitutions":{"__proto__":"x","a":"b"}}]}',
    );
    const parsed = emailRequest.parse(body);
    expect(parsed.recipients[0]?.substitutions).toEqual({ a: 'b' });
    expect('a' in {}).toBe(false);
  });
});

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('A variable of a template', () => {
  it.each([
    ['a text', '"Ann"', true],
    ['a number', '5', true],
    ['nothing', 'null', true],
    ['a list of objects', '[{"name":"Ann","tags":["a"]}]', true],
    ['20 levels', nested(20), true],
    ['21 levels', nested(21), false],
    ['10,000 levels', nested(10_000), false],
    ['NUL in a list', '["a\\u0000"]', false],
    ['NUL in the name of a property', '{"a\\u0000":1}', false],
    ['a lone surrogate deep inside', '{"a":[{"b":"\\ud800"}]}', false],
    ['the text \\u0000, written out', '["\\\\u0000"]', true],
    ['a number beyond all', '1e400', false],
  ])('is %s: %s', (_, json, isTaken) => {
    const value = parse(json);
    for (const change of [
      { data: { v: value } },
      { recipients: [{ email: 'a@b.example', substitutions: { v: value } }] },
    ]) {
      expect(emailRequest.safeParse({ ...good, ...change }).success).toBe(isTaken);
    }
  });
});

describe('A record of an email topic', () => {
  it('lets properties pass that it does not know, since contracts grow by fields', () => {
    expect(emailRecord.parse({ ...good, future: 1, recipients: [{ email: 'ann@example.org', future: 2 }] })).toEqual(
      good,
    );
  });

  it('lets no __proto__ through', () => {
    const record = emailRecord.parse(
      parse('{"from":"a@b.co","text":"x","recipients":[{"email":"c@d.co"}],"__proto__":{"class":"otp"}}'),
    );
    expect(record.class).toBeUndefined();
  });

  it.each([
    ['order-7.a:b_c', true],
    ['a', true],
    ['a'.repeat(128), true],
    ['a'.repeat(129), false],
    ['', false],
    ['a b', false],
    ['ä', false],
    ['a\n', false],
  ])('may bring the id %j: %s', (id, isTaken) => {
    expect(emailRecord.safeParse({ ...good, id }).success).toBe(isTaken);
  });

  it('may name messages that are due instead', () => {
    expect(sendRecord.safeParse({ due: ['018bcfe5-6800-7abc-8def-0123456789ab'] }).success).toBe(true);
    expect(sendRecord.safeParse({ due: [] }).success).toBe(false);
    expect(sendRecord.safeParse({ due: ['1'] }).success).toBe(false);
  });
});
