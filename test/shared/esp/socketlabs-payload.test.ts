import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Delivery, MailContent } from '../../../shared/esp/esp.ts';
import type { PostResult } from '../../../shared/esp/http-post.ts';
import { socketlabsAnswers } from '../../../shared/esp/socketlabs/answer.ts';
import { mergeFields } from '../../../shared/esp/socketlabs/merge-text.ts';
import { socketlabsCalls } from '../../../shared/esp/socketlabs/payload.ts';
import { deliveryTo } from './contract.ts';

const mail: MailContent = {
  from: { email: 'n@acme.example' },
  subject: 'Save [%0%]%',
  text: 'Hi [%%1%%]',
  headers: {},
  tags: ['a'],
  attachments: [],
};
const values = { '[%0%]': '20', '[%%1%%]': 'Ann' };
const to = (number: number, change: Partial<Delivery> = {}): Delivery =>
  deliveryTo(number, { content: mail, values, ...change });

describe("SocketLabs' merge", () => {
  it('comes out as the text was, or is not done', () => {
    const piece = fc.constantFrom('%', '%%', '[%0%]', '[%%1%%]', 'x', ' ', '%%t0%%');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(piece, { maxLength: 3 }), (parts, value) => {
        const own: Readonly<Record<string, string>> = { '[%0%]': value.join(''), '[%%1%%]': 'B' };
        const text = parts.join('');
        const fields = mergeFields(Object.keys(own));
        const written = fields.write(text);
        const row = fields.valuesFor(own);
        if (!written.isSafe || row === undefined) return;
        const merged = written.text.replace(/%%(\w+)%%/g, (whole, field: string) => row[field] ?? whole);
        expect(merged).toBe(text.replace(/\[%0%\]|\[%%1%%\]/g, (token) => own[token] ?? ''));
        for (const entry of Object.values(row)) expect(entry).not.toContain('%%');
      }),
    );
  });
});

describe('SocketLabs calls', () => {
  it('hold every delivery once, an address once, and at most 50 recipients', () => {
    const rows = fc.array(fc.record({ to: fc.nat(80), isNamed: fc.boolean(), isCopied: fc.boolean() }), {
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(
      fc.property(rows, (given) => {
        const list = given.map(({ to: number, isNamed, isCopied }, index) =>
          to(index, {
            to: { email: `p${number}@example.org`, ...(isNamed ? { name: 'P' } : {}) },
            cc: isCopied ? [{ email: 'boss@example.org' }] : [],
          }),
        );
        const calls = socketlabsCalls(list);
        expect(calls.flatMap(({ places }) => places).sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
        expect(new Set(calls.map(({ message }) => message.messageId)).size).toBe(calls.length);
        for (const { places, message } of calls) {
          const emails = places.map((place) => list[place]?.to.email);
          expect(new Set(emails).size).toBe(emails.length);
          expect(emails.length).toBeLessThanOrEqual(50);
          expect(message.messageId.length).toBeLessThanOrEqual(36);
          expect(message.mergeData?.PerMessage.length ?? 1).toBe(emails.length);
          // A row without a name would show the name of the field.
          const isNamed = message.to[0]?.friendlyName === '%%RecipientName%%';
          for (const row of message.mergeData?.PerMessage ?? []) {
            expect(row.some(({ field }) => field === 'RecipientName')).toBe(isNamed);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('give the same attempts the same id', () => {
    const idOf = (...deliveries: Delivery[]) => socketlabsCalls(deliveries)[0]?.message.messageId;
    expect(idOf(to(1), to(2))).toBe(idOf(to(1), to(2)));
    expect(idOf(to(1), to(2))).not.toBe(idOf(to(1)));
  });

  it('merge a percent sign beside a value, and part what cannot be merged', () => {
    const [call] = socketlabsCalls([to(1), to(2)]);
    expect(call?.message).toMatchObject({ subject: 'Save %%t0%%', textBody: 'Hi %%t1%%' });
    expect(call?.message.mergeData?.PerMessage[0]).toContainEqual({ field: 't0', value: '20%' });
    const apart = (change: Partial<Delivery>) => socketlabsCalls([to(1, change), to(2, change)]);
    const texts: readonly MailContent[] = [
      { ...mail, text: 'literal %%Name%%' },
      { ...mail, headers: { 'X-For': '[%0%]' } },
    ];
    for (const content of texts) expect(apart({ content }).map(({ places }) => places)).toEqual([[0], [1]]);
    expect(apart({ values: { ...values, '[%%1%%]': '%%' } })).toHaveLength(2);
    expect(apart({ content: texts[0] ?? mail })[0]?.message).toMatchObject({ textBody: 'literal %%Name%%' });
  });

  it('bring our ids in the metadata of a call for one, and the address beside copies', () => {
    const metadataOf = (change: Partial<Delivery>) => {
      const pairs = socketlabsCalls([to(1, change)])[0]?.message.metadata ?? [];
      return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    };
    const ids = { mf_message_id: deliveryTo(1).messageId, mf_attempt_id: deliveryTo(1).attemptId };
    expect(metadataOf({ metadata: { big: 'x'.repeat(12_500), mf_message_id: 'no', ok: 'y' } })).toEqual({
      ...ids,
      ok: 'y',
    });
    expect(metadataOf({ metadata: {}, bcc: [{ email: 'log@acme.example' }] })).toEqual({
      ...ids,
      mf_to: 'person1@example.org',
    });
  });
});

describe("SocketLabs' answers", () => {
  const now = new Date('2026-11-01T12:00:00Z');
  const answers = (status: number, body: unknown) => {
    const result: PostResult = {
      kind: 'answered',
      status,
      headers: {},
      body: typeof body === 'string' ? body : JSON.stringify(body),
    };
    return socketlabsAnswers(result, [deliveryTo(1), deliveryTo(2)], 'call', now);
  };
  const warning = (ErrorCode: string | null, AddressResults: unknown = null) => ({
    ErrorCode: 'Warning',
    MessageResults: [{ Index: 0, ErrorCode, AddressResults }],
  });

  it.each([
    [200, { ErrorCode: 'Success' }, { outcome: 'accepted', providerMessageId: 'call' }],
    [200, { ErrorCode: 'InvalidAuthentication' }, { outcome: 'refused', reason: 'credentials' }],
    [200, { ErrorCode: 'AccountDisabled' }, { outcome: 'refused', reason: 'credentials' }],
    [200, { ErrorCode: 'OverQuota' }, { outcome: 'unavailable', reason: 'quota' }],
    [200, { ErrorCode: 'TooManyErrors' }, { outcome: 'unavailable', reason: 'throttled' }],
    [200, { ErrorCode: 'InvalidData' }, { outcome: 'refused', reason: 'content' }],
    [200, { ErrorCode: 'NoValidRecipients' }, { outcome: 'recipient-refused' }],
    [200, { ErrorCode: 'InternalError' }, { outcome: 'unknown' }],
    [200, { ErrorCode: 'Novel' }, { outcome: 'unknown' }],
    [200, { ErrorCode: 'constructor' }, { outcome: 'unknown' }],
    [200, warning('EmptySubject'), { outcome: 'refused', reason: 'content', code: 'EmptySubject' }],
    [200, warning('Novel'), { outcome: 'unknown' }],
    [200, warning('Warning'), { outcome: 'unknown', code: 'EANSWER' }],
    [200, { ErrorCode: 'Warning', MessageResults: null }, { outcome: 'unknown', code: 'EANSWER' }],
    [200, '<html>', { outcome: 'unknown', code: 'EANSWER' }],
    [400, { ErrorCode: 'InvalidData' }, { outcome: 'refused', reason: 'content' }],
    [400, { ErrorCode: 'OverQuota' }, { outcome: 'unavailable', reason: 'quota' }],
    [401, { ErrorCode: 'InvalidAuthentication' }, { outcome: 'refused', reason: 'credentials' }],
    [429, '', { outcome: 'unavailable', reason: 'throttled' }],
    [500, { ErrorCode: 'InternalError' }, { outcome: 'unknown' }],
    [503, { ErrorCode: 'InternalError' }, { outcome: 'unavailable', reason: 'outage' }],
    [503, 'gateway', { outcome: 'unknown' }],
  ])('%i %j', (status, body, expected) => {
    expect(answers(status, body)).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)]);
  });

  it('blame the address that they name', () => {
    const bad = { EmailAddress: 'PERSON2@example.org', Accepted: false, ErrorCode: 'InvalidAddress' };
    expect(answers(200, warning('Warning', [bad]))).toMatchObject([
      { outcome: 'accepted', providerMessageId: 'call' },
      { outcome: 'recipient-refused', code: 'InvalidAddress' },
    ]);
  });
});
