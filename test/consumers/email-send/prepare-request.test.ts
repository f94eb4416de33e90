import { describe, expect, it } from '@jest/globals';
import { prepareRequest } from '../../../consumers/email-send/prepare-request.ts';
import { accept } from '../../../shared/domain/accept.ts';
import { emailRecord, type EmailRecord } from '../../../shared/contracts/email.ts';

const origin = {
  requestId: 'req_origin',
  laneClass: 'transactional',
  configuredEsps: ['sendgrid', 'postmark'],
  judgeSender: () => undefined,
} as const;
const record: EmailRecord = {
  from: 'News <news@acme.example>',
  text: 'Hi {{name}}',
  recipients: [{ email: 'Ann <ann@GMAIL.com>', substitutions: { name: 'Ann' } }, { email: 'bob@example.org' }],
};
const codeOf = (asked: EmailRecord): unknown => {
  try {
    prepareRequest(asked, origin);
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
};
const part = {
  number: 0,
  of: 1,
  total: 2,
  first: 0,
  providers: { gmail: { total: 1, first: 0 }, other: { total: 1, first: 0 } },
};

describe('A record of an email topic', () => {
  it('is a whole request of the admin account when nothing else is said', () => {
    const prepared = prepareRequest(record, origin);
    expect(prepared).toMatchObject({
      id: 'req_origin',
      accountId: 'admin',
      messageClass: 'transactional',
      policy: 'at-least-once',
      batchId: null,
      esps: null,
      sendAt: null,
      part,
    });
    expect(prepared.recipients).toMatchObject([
      { email: 'ann@gmail.com', name: 'Ann', mailboxProvider: 'gmail' },
      { email: 'bob@example.org', name: null, mailboxProvider: 'other' },
    ]);
  });

  it('keeps the id, account, class and policy that it brings', () => {
    const asked: EmailRecord = { ...record, id: 'order-7', accountId: 'acme', class: 'bulk', policy: 'at-most-once' };
    expect(prepareRequest(asked, origin)).toMatchObject({
      id: 'order-7',
      accountId: 'acme',
      messageClass: 'bulk',
      policy: 'at-most-once',
    });
  });

  it.each<[string, Partial<EmailRecord>, string]>([
    ['an address that is none', { recipients: [{ email: 'nobody' }] }, 'bad-request'],
    ['nothing to say', { text: undefined }, 'bad-request'],
    ['a header that may not be set', { headers: { Bcc: 'a@b.example' } }, 'bad-request'],
    ['only ESPs that nobody configured', { esps: ['ses'] }, 'unknown-esp'],
    ['a template that is none', { text: '{{' }, 'bad-template'],
    [
      'a part with fewer recipients than it holds',
      { part: { ...part, total: 1, providers: { gmail: { total: 1, first: 0 } } } },
      'bad-part',
    ],
    ['a part behind the end', { part: { ...part, first: 1 } }, 'bad-part'],
    ['a part beyond the number of parts', { part: { ...part, number: 1 } }, 'bad-part'],
    ['a part whose providers do not add up', { part: { ...part, total: 3 } }, 'bad-part'],
    [
      'a part without the provider of a recipient',
      { part: { ...part, providers: { gmail: { total: 2, first: 0 } } } },
      'bad-part',
    ],
    [
      'a part whose providers begin too late',
      { part: { ...part, providers: { ...part.providers, other: { total: 1, first: 1 } } } },
      'bad-part',
    ],
    [
      'a part of a provider that nobody has',
      { part: { ...part, providers: { gmail: { total: 1, first: 0 }, nobody: { total: 1, first: 0 } } } },
      'bad-part',
    ],
  ])('can never be sent with %s', (_, change, code) => {
    expect(codeOf({ ...record, ...change })).toBe(code);
  });

  it('is understood in every part that the door makes', () => {
    const recipients = Array.from({ length: 1_700 }, (_, index) => ({
      email: `u${index}@${index % 3 === 0 ? 'gmail.com' : 'constructor.com'}`,
    }));
    const acceptance = accept(
      { from: 'a@b.example', text: 'x', recipients },
      { accountId: 'admin', requestId: 'req_1' },
    );
    if (!acceptance.ok) throw new Error('too large');
    const prepared = acceptance.accepted.records.map(({ value }) =>
      prepareRequest(emailRecord.parse(JSON.parse(value)), origin),
    );
    expect(prepared.flatMap((request) => request.recipients.map(({ email }) => email))).toEqual(
      recipients.map(({ email }) => email),
    );
  });
});
