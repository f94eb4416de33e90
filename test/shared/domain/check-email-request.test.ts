import { describe, expect, it } from '@jest/globals';
import type { EmailRequest } from '../../../shared/contracts/email.ts';
import { checkEmailRequest } from '../../../shared/domain/check-email-request.ts';

const good: EmailRequest = { from: 'News <news@acme.example>', text: 'Hi', recipients: [{ email: 'ann@example.org' }] };
const pointers = (change: Partial<EmailRequest>): string[] =>
  checkEmailRequest({ ...good, ...change }).map((fault) => fault.pointer);
const manyBad = (count: number) => Array.from({ length: count }, (_, index) => ({ email: `bad-${index}` }));

describe('A request', () => {
  it('without faults can be sent', () => {
    expect(checkEmailRequest(good)).toEqual([]);
    expect(checkEmailRequest({ ...good, text: undefined, html: '<p>Hi</p>' })).toEqual([]);
    expect(checkEmailRequest({ ...good, text: '' })).toEqual([]);
    expect(checkEmailRequest({ ...good, batch: { id: 'spring' } })).toEqual([]);
  });

  it('has every address checked, each fault at its place', () => {
    expect(
      pointers({
        from: 'nobody',
        replyTo: 'a@b@c.example',
        recipients: [
          { email: 'ann@example.org', cc: ['bob@example.org', 'no'] },
          { email: 'x', bcc: ['y', 'zoe@example.org'] },
        ],
      }),
    ).toEqual(['/from', '/replyTo', '/recipients/0/cc/1', '/recipients/1/email', '/recipients/1/bcc/0']);
  });

  it('must have something to say', () => {
    expect(pointers({ text: undefined, html: undefined })).toEqual(['/text']);
  });

  it.each([
    'Bcc',
    'bcc',
    'To',
    'From',
    'Sender',
    'Reply-To',
    'Return-Path',
    'DKIM-Signature',
    'Received',
    'Content-Type',
    'MIME-Version',
    'List-Unsubscribe',
    'X-SMTPAPI',
    'x-smtpapi',
    'X-Mailfleet-Message-Id',
    'X-SG-EID',
    'X-PM-Tag',
    'X-MSYS-API',
    'X-SES-CONFIGURATION-SET',
    'X-MC-Tags',
  ])('may not set the header %s', (name) => {
    expect(pointers({ headers: { [name]: 'x' } })).toEqual([`/headers/${name}`]);
  });

  it.each([
    'X-Ref',
    'x-campaign',
    'In-Reply-To',
    'References',
    'Importance',
    'Priority',
    'Auto-Submitted',
    'Precedence',
    'Feedback-ID',
  ])('may set the header %s', (name) => {
    expect(pointers({ headers: { [name]: 'x' } })).toEqual([]);
  });

  it('is pointed into by RFC 6901, whatever a header is called', () => {
    expect(pointers({ headers: { 'a/b~c': 'x' } })).toEqual(['/headers/a~1b~0c']);
  });

  it('is told at most 50 faults', () => {
    expect(pointers({ recipients: manyBad(10_000) })).toHaveLength(50);
    expect(
      pointers({ recipients: [{ email: 'ann@example.org', cc: manyBad(60).map(({ email }) => email) }] }),
    ).toHaveLength(50);
  });

  it('is told plainly what cannot be done yet', () => {
    expect(pointers({ batch: { id: 'a', size: 5 } })).toEqual(['/batch']);
    expect(pointers({ batch: { id: 'a', intervalSeconds: 5 } })).toEqual(['/batch']);
  });

  it('may name a list to unsubscribe from', () => {
    expect(pointers({ unsubscribe: { list: 'news' } })).toEqual([]);
  });

  it('has either a template or texts of its own', () => {
    expect(pointers({ text: undefined, template: { id: 'welcome' } })).toEqual([]);
    expect(pointers({ template: { id: 'welcome' }, subject: 'a', html: 'b' })).toEqual(['/subject', '/text', '/html']);
  });
});
