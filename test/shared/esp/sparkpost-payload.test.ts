import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Delivery, MailContent } from '../../../shared/esp/esp.ts';
import type { PostResult } from '../../../shared/esp/http-post.ts';
import { sparkpostAnswers } from '../../../shared/esp/sparkpost/answer.ts';
import { headerMailbox } from '../../../shared/esp/sparkpost/mailbox.ts';
import { sparkpostCalls } from '../../../shared/esp/sparkpost/payload.ts';
import { sparkpostTemplate } from '../../../shared/esp/sparkpost/template.ts';
import { renderTemplate } from '../../../simulator/sparkpost-template.ts';
import { deliveryTo } from './contract.ts';

const plain: MailContent = {
  from: { email: 'n@acme.example' },
  subject: 's',
  text: 't',
  headers: {},
  tags: [],
  attachments: [],
};

describe("SparkPost's template language", () => {
  it('comes out as the text was, braces and all', () => {
    const piece = fc.constantFrom('{', '}', '{{', '}}', '[%0%]', '[%%1%%]', 'x', ' ', '<b>', 'https://x.example/', '"');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(piece, { maxLength: 4 }), (parts, value) => {
        const values = { '[%0%]': value.join(''), '[%%1%%]': 'A & {{B}}' };
        const text = parts.join('');
        const template = sparkpostTemplate(Object.keys(values));
        const [body, header] = [template.body(text), template.header(text)];
        const data = { ...template.literals(), ...template.valuesFor(values) };
        const wanted = text.replace(/\[%0%\]|\[%%1%%\]/g, (token) =>
          token === '[%0%]' ? values['[%0%]'] : values['[%%1%%]'],
        );
        expect(renderTemplate(body, data, 'html')).toBe(wanted);
        expect(renderTemplate(body, data, 'text')).toBe(wanted);
        expect(renderTemplate(header, data, 'header')).toBe(wanted);
      }),
    );
  });

  it('leaves single braces alone, as style sheets have them', () => {
    const template = sparkpostTemplate([]);
    expect(template.body('a { color: red }')).toBe('a { color: red }');
    expect(template.literals()).toEqual({});
  });
});

describe('SparkPost calls', () => {
  it('hold every delivery once and no address twice', () => {
    const copies = fc.array(fc.constantFrom({ email: 'boss@example.org' }, { email: 'log@example.org' }), {
      maxLength: 2,
    });
    const rows = fc.array(fc.record({ to: fc.nat(8), cc: copies, bcc: copies, long: fc.boolean() }), { maxLength: 30 });
    fc.assert(
      fc.property(rows, (given) => {
        const list: readonly Delivery[] = given.map(({ to, cc, bcc, long }, index) =>
          deliveryTo(index, {
            to: { email: `p${to}@example.org` },
            cc,
            bcc,
            ...(long ? { values: { k: 'x'.repeat(100_001) } } : {}),
          }),
        );
        const calls = sparkpostCalls(list);
        expect(calls.flatMap(({ places }) => places).sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
        expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(calls.length);
        for (const { places, mail } of calls) {
          const emails = mail.recipients.map(({ address }) => address.email);
          expect(new Set(emails).size).toBe(emails.length);
          const own = mail.recipients.flatMap(({ metadata }) => metadata['mf_message_id'] ?? []);
          expect(own).toEqual(places.map((place) => list[place]?.messageId));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('repeat themselves: the same attempts have the same key and body', () => {
    const make = () => sparkpostCalls([deliveryTo(1), deliveryTo(2)]);
    expect(make()).toEqual(make());
    expect(make()[0]?.idempotencyKey).not.toBe(sparkpostCalls([deliveryTo(1)])[0]?.idempotencyKey);
  });

  it('send mail with a way out as no transaction', () => {
    const optionsOf = (headers: Record<string, string>) =>
      sparkpostCalls([deliveryTo(1, { content: { ...plain, headers } })])[0]?.mail.options;
    expect(optionsOf({})).toEqual({ transactional: true });
    expect(optionsOf({ 'List-unsubscribe': '<https://x.example>' })).toEqual({ transactional: false });
  });

  it('cut what SparkPost limits: own data, tags, campaign', () => {
    const content = { ...plain, tags: ['ü'.repeat(40), ...Array.from({ length: 12 }, (_, index) => String(index))] };
    const metadata = { big: 'x'.repeat(10_000), mf_message_id: 'no', ok: 'y' };
    const mail = sparkpostCalls([deliveryTo(1, { content, metadata })])[0]?.mail;
    expect(mail?.campaign_id).toBe('ü'.repeat(32));
    expect(mail?.recipients[0]?.tags).toHaveLength(10);
    expect(mail?.recipients[0]?.metadata).toEqual({
      ok: 'y',
      mf_message_id: deliveryTo(1).messageId,
      mf_attempt_id: deliveryTo(1).attemptId,
    });
  });

  it('write names into headers so that neither encoding nor braces spoil the address', () => {
    expect(headerMailbox({ email: 'a@b.example' })).toBe('a@b.example');
    expect(headerMailbox({ email: 'a@b.example', name: 'Doe, "J"' })).toBe('"Doe, \\"J\\"" <a@b.example>');
    expect(headerMailbox({ email: 'a@b.example', name: 'Zoë' })).toBe('=?UTF-8?B?Wm/Dqw==?= <a@b.example>');
    expect(headerMailbox({ email: 'a@b.example', name: '{{x}}' })).not.toContain('{');
  });
});

describe("SparkPost's answers", () => {
  const now = new Date('2026-11-01T12:00:00Z');
  const answered = (status: number, body: unknown, headers: Record<string, string> = {}): PostResult => ({
    kind: 'answered',
    status,
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const results = (accepted: unknown, rejected: unknown, more = {}) => ({
    results: { total_accepted_recipients: accepted, total_rejected_recipients: rejected, id: '9'.repeat(18), ...more },
  });
  const errors = (message: string, code?: string) => ({ errors: [{ message, code }] });

  it.each([
    [200, results(2, 0), { outcome: 'accepted', providerMessageId: '9'.repeat(18) }],
    [200, results(1, 1), { outcome: 'unknown', code: 'EPARTLY' }],
    [200, results(1, 0), { outcome: 'unknown', code: 'EPARTLY' }],
    [
      200,
      results(0, 2, { rcpt_to_errors: [{ message: 'bad', description: 'address', code: '1300' }] }),
      { outcome: 'recipient-refused', code: '1300', detail: 'bad: address' },
    ],
    [200, {}, { outcome: 'unknown', code: 'EANSWER' }],
    [200, 'x', { outcome: 'unknown', code: 'EANSWER' }],
    [400, errors('At least one valid recipient is required', '5002'), { outcome: 'recipient-refused' }],
    [400, errors('invalid idempotency key', '1602'), { outcome: 'refused', reason: 'content', code: '400/1602' }],
    [401, errors('Unauthorized.'), { outcome: 'refused', reason: 'credentials', code: '401' }],
    [403, errors('Forbidden.'), { outcome: 'refused', reason: 'credentials' }],
    [409, errors('in progress', '1601'), { outcome: 'unknown', code: '409/1601' }],
    [409, errors('conflict', '1600'), { outcome: 'unknown', code: '409/1600' }],
    [413, '', { outcome: 'refused', reason: 'content' }],
    [420, errors('Exceed Sending Limit (hourly)', '2101'), { outcome: 'unavailable', reason: 'quota' }],
    [422, errors('required field is missing', '1400'), { outcome: 'refused', reason: 'content' }],
    [429, errors('slow'), { outcome: 'unavailable', reason: 'throttled', retryAfterMs: 1_000 }],
    [500, errors('oops'), { outcome: 'unknown' }],
    [503, errors('away'), { outcome: 'unavailable', reason: 'outage' }],
    [503, '<html>', { outcome: 'unknown' }],
  ])('%i %j', (status, body, expected) => {
    expect(sparkpostAnswers(answered(status, body), 2, 2, now)).toEqual([
      expect.objectContaining(expected),
      expect.objectContaining(expected),
    ]);
  });

  it('count the copies too', () => {
    expect(sparkpostAnswers(answered(200, results(3, 0)), 1, 3, now)).toMatchObject([{ outcome: 'accepted' }]);
    expect(sparkpostAnswers(answered(200, results(2, 1)), 1, 3, now)).toMatchObject([{ outcome: 'unknown' }]);
  });
});
