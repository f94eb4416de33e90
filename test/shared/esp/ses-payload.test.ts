import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sesAnswers } from '../../../shared/esp/ses/answer.ts';
import { sesMailbox } from '../../../shared/esp/ses/mailbox.ts';
import { sesCalls } from '../../../shared/esp/ses/payload.ts';
import { decodeTag, encodeTag } from '../../../shared/esp/ses/tags.ts';
import { sesTemplate } from '../../../shared/esp/ses/template.ts';
import { decodeWords } from '../../../simulator/encoded-words.ts';
import { renderTemplate, templateFault, type TemplateValues } from '../../../simulator/ses-text.ts';
import { tokenReplacer } from '../../../shared/esp/replace-tokens.ts';
import { deliveryTo } from './contract.ts';

describe("SES's template", () => {
  it('says what was written, whatever braces and backslashes stand beside a token', () => {
    const tokens = ['⟦a⟧', '⟦b⟧'];
    const piece = fc.constantFrom('{', '}', '{{', '}}', '\\', '{{t0}}', '{{b0}}', 'x', ' ', '#', ...tokens);
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, text, fc.constantFrom('', '{{t1}}', '\\', '}', 'A'), (subject, html, value) => {
        const values = { '⟦a⟧': value, '⟦b⟧': 'B' };
        const template = sesTemplate(tokens);
        const written = [subject, html].map((words) => template.text(words));
        const data = JSON.parse(template.data(values)) as TemplateValues;
        const replace = tokenReplacer(tokens);
        expect(written.map(templateFault)).toEqual([undefined, undefined]);
        expect(written.map((words) => renderTemplate(words, data))).toEqual(
          [subject, html].map((words) => replace(words, values)),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('Tags of SES', () => {
  it('carry any text there and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const tag = encodeTag(text);
        expect(tag).toMatch(/^[A-Za-z0-9_-]*$/);
        expect(decodeTag(tag)).toBe(text.toWellFormed());
      }),
    );
  });

  it('are our ids, and what fits of the metadata', () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'v']));
    const metadata = {
      'ses:x': 'v',
      'with space': 'v',
      email: 'a@example.org',
      mf_message_id: 'no',
      ok: 'yes-1',
      ...many,
    };
    const [call] = sesCalls([deliveryTo(1, { metadata })]);
    const tags = call?.kind === 'bulk' ? (call.input.BulkEmailEntries[0]?.ReplacementTags ?? []) : [];
    expect(tags.length).toBeLessThanOrEqual(50);
    expect(new Set(tags.map(({ Name }) => Name)).size).toBe(tags.length);
    const named = Object.fromEntries(tags.map(({ Name, Value }) => [Name, Value]));
    expect(named).toMatchObject({ ok: 'yes-1', tag: 'welcome', mf_message_id: deliveryTo(1).messageId });
    expect(decodeTag(named['mf_attempt_id'] ?? '')).toBe(deliveryTo(1).attemptId);
    expect(Object.keys(named)).not.toContain('email');
  });
});

describe('Mailboxes of SES', () => {
  it('are ASCII, and mean what was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), (text) => {
        const name = text.replace(/[\r\n]+/g, ' ').toWellFormed();
        const mailbox = sesMailbox({ email: 'a@example.org', name });
        expect(mailbox).toMatch(/^[ -~]+ <a@example\.org>$/);
        const shown = mailbox.slice(0, -' <a@example.org>'.length);
        if (!/^[ -~]*$/.test(name)) expect(decodeWords(shown)).toBe(name);
        else expect(shown.slice(1, -1).replace(/\\(.)/g, '$1')).toBe(name);
        for (const word of shown.startsWith('=?') ? shown.split(' ') : []) expect(word.length).toBeLessThanOrEqual(75);
      }),
    );
    expect(sesMailbox({ email: 'a@bücher.example' })).toBe('a@xn--bcher-kva.example');
  });
});

describe('Calls of SES', () => {
  it('hold every delivery once, 50 at most, of one content each', () => {
    const other = { ...deliveryTo(0).content };
    const list = Array.from({ length: 130 }, (_, index) =>
      deliveryTo(
        index,
        index % 3 === 0
          ? { content: other }
          : { values: { '⟦name⟧': 'x'.repeat(index === 7 ? 300_000 : 1), '⟦count⟧': '1' } },
      ),
    );
    const calls = sesCalls(list, 'set');
    expect(calls.flatMap(({ places }) => places).sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
    expect(calls.map(({ kind, places }) => [kind, places.length])).toEqual([
      ['bulk', 44],
      ['bulk', 50],
      ['bulk', 35],
      ['single', 1],
    ]);
    for (const { input } of calls) expect(input.ConfigurationSetName).toBe('set');
  });
});

describe("SES's answers", () => {
  const answered = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    ({ kind: 'answered', status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }) as const;
  const ofEntry = (Status: string, Error = 'why') =>
    sesAnswers(answered(200, { BulkEmailEntryResults: [{ Status, Error }] }), 'bulk', 1)[0];
  const ofCall = (status: number, name: string, message = 'why') =>
    sesAnswers(answered(status, { message }, { 'x-amzn-errortype': name }), 'bulk', 1)[0];

  it.each([
    ['TRANSIENT_FAILURE', { outcome: 'unavailable', reason: 'outage' }],
    ['ACCOUNT_THROTTLED', { outcome: 'unavailable', reason: 'throttled', retryAfterMs: 1_000 }],
    ['ACCOUNT_DAILY_QUOTA_EXCEEDED', { outcome: 'unavailable', reason: 'quota' }],
    ['MESSAGE_REJECTED', { outcome: 'refused', reason: 'content' }],
    ['INVALID_PARAMETER', { outcome: 'refused', reason: 'content' }],
    ['FAILED', { outcome: 'refused', reason: 'content' }],
    ['ACCOUNT_SUSPENDED', { outcome: 'refused', reason: 'credentials' }],
    ['ACCOUNT_SENDING_PAUSED', { outcome: 'refused', reason: 'credentials' }],
    ['CONFIGURATION_SET_SENDING_PAUSED', { outcome: 'refused', reason: 'credentials' }],
    ['CONFIGURATION_SET_NOT_FOUND', { outcome: 'refused', reason: 'credentials' }],
    ['MAIL_FROM_DOMAIN_NOT_VERIFIED', { outcome: 'refused', reason: 'credentials' }],
    ['INVALID_SENDING_POOL_NAME', { outcome: 'refused', reason: 'credentials' }],
    ['TEMPLATE_NOT_FOUND', { outcome: 'refused', reason: 'content' }],
    ['SOMETHING_NEW', { outcome: 'unknown' }],
  ])('to an entry: %s', (status, expected) => {
    expect(ofEntry(status)).toMatchObject(expected);
  });

  it.each<[number, string, string, object]>([
    [429, 'TooManyRequestsException', 'Maximum sending rate exceeded.', { reason: 'throttled', retryAfterMs: 1_000 }],
    [429, 'TooManyRequestsException', 'Daily message quota exceeded.', { reason: 'quota', retryAfterMs: 3_600_000 }],
    [400, 'LimitExceededException', 'x', { outcome: 'unavailable', reason: 'quota' }],
    [400, 'AccountSuspendedException', 'x', { outcome: 'refused', reason: 'credentials' }],
    [400, 'SendingPausedException', 'x', { outcome: 'refused', reason: 'credentials' }],
    [400, 'MailFromDomainNotVerifiedException', 'x', { outcome: 'refused', reason: 'credentials' }],
    [400, 'MessageRejected', 'Email address is not verified.', { outcome: 'refused', reason: 'content' }],
    [409, 'ConflictException', 'x', { outcome: 'refused', reason: 'content' }],
    [400, 'BadRequestException', 'x', { outcome: 'refused', reason: 'content' }],
    [500, 'ConcurrentModificationException', 'x', { outcome: 'unknown' }],
    [400, 'MessageRejected', 'Virus', { outcome: 'refused', reason: 'content' }],
    [400, 'BadRequestException:http://x', "Missing final '@domain'", { outcome: 'recipient-refused' }],
    [403, 'SignatureDoesNotMatch', 'x', { outcome: 'refused', reason: 'credentials' }],
    [404, 'NotFoundException', 'x', { outcome: 'refused', reason: 'credentials' }],
    [500, 'InternalServiceErrorException', 'x', { outcome: 'unknown', code: '500/InternalServiceErrorException' }],
    [500, 'ThrottlingException', 'x', { outcome: 'unknown' }],
    [503, 'ServiceUnavailable', 'x', { outcome: 'unavailable', reason: 'outage' }],
  ])('to a call: %i %s, %s', (status, name, message, expected) => {
    expect(ofCall(status, name, message)).toMatchObject(expected);
  });

  it('are unknown when they do not list every entry', () => {
    for (const body of [{}, { BulkEmailEntryResults: [] }, [], 'x', { BulkEmailEntryResults: [null] }]) {
      expect(sesAnswers(answered(200, body), 'bulk', 1)).toMatchObject([{ outcome: 'unknown' }]);
    }
  });

  it('name an error by the body where the header is missing', () => {
    const body = { __type: 'com.amazonaws.sesv2#SendingPausedException', Message: 'paused' };
    expect(sesAnswers(answered(400, body), 'single', 1)).toMatchObject([{ reason: 'credentials', detail: 'paused' }]);
  });
});
