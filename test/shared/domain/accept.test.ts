import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accept, type Accepted } from '../../../shared/domain/accept.ts';
import { emailRecord, type EmailRecord, type EmailRequest } from '../../../shared/contracts/email.ts';
import { parseAddress } from '../../../shared/domain/email-address.ts';
import { mailboxProviderOf } from '../../../shared/domain/mailbox-provider.ts';
import { messageIdsOf, publicMessageId } from '../../../shared/domain/request-ids.ts';

const caller = { accountId: 'acme', requestId: 'req_1' };
const domains = ['gmail.com', 'outlook.com', 'yahoo.de', 'icloud.com', 'corp.example', 'constructor.com'];
const people = (count: number, more: object = {}): EmailRequest['recipients'] =>
  Array.from({ length: count }, (_, index) => ({
    email: `u${index}@${domains[index % domains.length] ?? ''}`,
    ...more,
  }));
const request = (more: Partial<EmailRequest> = {}): EmailRequest => ({
  from: 'News <news@acme.example>',
  text: 'Hi',
  recipients: people(2),
  ...more,
});
const accepted = (asked: EmailRequest): Accepted => {
  const acceptance = accept(asked, caller);
  if (!acceptance.ok) throw new Error(`too large: ${acceptance.tooLargeBytes}`);
  return acceptance.accepted;
};
const recordsOf = ({ records }: Accepted): EmailRecord[] =>
  records.map(({ value }) => emailRecord.parse(JSON.parse(value)));
const providerOf = (email: string): string => mailboxProviderOf(parseAddress(email)?.domain ?? '');

const countProviders = (recipients: EmailRequest['recipients']): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { email } of recipients) counts[providerOf(email)] = (counts[providerOf(email)] ?? 0) + 1;
  return counts;
};

/** What every cut must hold to, or a consumer would lose or double somebody. */
const expectWholeCut = (asked: EmailRequest, cut: Accepted): void => {
  const records = recordsOf(cut);
  expect(JSON.stringify(records.flatMap((record) => record.recipients))).toBe(JSON.stringify(asked.recipients));
  const totals = countProviders(asked.recipients);
  const firsts: Record<string, number> = {};
  let first = 0;
  records.forEach(({ id, accountId, part, recipients }, number) => {
    const providers = Object.fromEntries(
      Object.entries(totals).map(([provider, total]) => [provider, { total, first: firsts[provider] ?? 0 }]),
    );
    expect({ id, accountId, part }).toEqual({
      id: caller.requestId,
      accountId: caller.accountId,
      part: { number, of: records.length, total: asked.recipients.length, first, providers },
    });
    for (const [provider, count] of Object.entries(countProviders(recipients))) {
      firsts[provider] = (firsts[provider] ?? 0) + count;
    }
    first += recipients.length;
  });
};

describe('An accepted request', () => {
  it('is one record when it is small', () => {
    const cut = accepted(request());
    expect(cut.records.map(({ key }) => key)).toEqual(['req_1:0']);
    expectWholeCut(request(), cut);
  });

  it('is cut into parts that hold everyone once and know where they stand', () => {
    const asked = fc
      .record({ count: fc.integer({ min: 1, max: 1_300 }), bytes: fc.nat({ max: 4_000 }) })
      .map(({ count, bytes }) => request({ recipients: people(count, { substitutions: { v: 'x'.repeat(bytes) } }) }));
    fc.assert(
      fc.property(asked, (each) => {
        const cut = accepted(each);
        expectWholeCut(each, cut);
        expect(cut.records.map(({ key }) => key)).toEqual(cut.records.map((_, number) => `req_1:${number}`));
        for (const { value } of cut.records) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(901_000);
      }),
      { numRuns: 15 },
    );
  });

  it('of 10,000 recipients is 10 records of 1,000', () => {
    const asked = request({ recipients: people(10_000) });
    const cut = accepted(asked);
    expect(recordsOf(cut).map(({ recipients }) => recipients.length)).toEqual(Array<number>(10).fill(1_000));
    expectWholeCut(asked, cut);
    expect(new Set(cut.messages.map(({ id }) => id)).size).toBe(10_000);
  });

  it('is measured in bytes, so that a script of three bytes a letter fits its records too', () => {
    const asked = request({ recipients: people(100, { substitutions: { v: '漢'.repeat(10_000) } }) });
    const cut = accepted(asked);
    for (const { value } of cut.records) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(901_000);
    expectWholeCut(asked, cut);
  });

  it('names its messages by ids that anyone can compute again', () => {
    const { messages } = accepted(
      request({ recipients: [{ email: 'Ann <ann@GMAIL.com>' }, { email: 'bob@corp.example' }] }),
    );
    const idOf = messageIdsOf('req_1');
    expect(messages).toEqual([
      { id: publicMessageId(idOf(0)), email: 'ann@gmail.com' },
      { id: publicMessageId(idOf(1)), email: 'bob@corp.example' },
    ]);
  });

  it('gives the same records again for the same request and id', () => {
    const asked = request({ recipients: people(1_200), headers: { 'X-Ref': '1' } });
    expect(accepted(asked)).toEqual(accepted(structuredClone(asked)));
  });

  it.each([
    [undefined, 'email-send'],
    ['transactional', 'email-send'],
    ['bulk', 'email-send-bulk'],
    ['otp', 'email-send-otp'],
  ] as const)('of class %s goes by the lane %s', (messageClass, lane) => {
    expect(accepted(request(messageClass === undefined ? {} : { class: messageClass })).lane).toBe(lane);
  });

  it('carries small content with each record, and large content by one reference', () => {
    const small = accepted(request({ text: 'x'.repeat(200_000) }));
    expect(small.blob).toBeUndefined();
    expect(recordsOf(small)[0]?.text).toHaveLength(200_000);
    const large = accepted(request({ text: 'x'.repeat(300_000), subject: 'Hello', recipients: people(2_000) }));
    expect(large.records).toHaveLength(2);
    for (const record of recordsOf(large)) {
      expect(record.text).toBeUndefined();
      expect(record).toMatchObject({ subject: 'Hello', contentRef: large.blob?.key });
    }
    expect(JSON.parse(large.blob?.body ?? '')).toEqual({ text: 'x'.repeat(300_000) });
  });

  it('is refused when one recipient’s values alone fill a record', () => {
    const acceptance = accept(
      request({
        recipients: people(1, {
          substitutions: Object.fromEntries(
            Array.from({ length: 10 }, (_, index) => [`v${index}`, 'x'.repeat(100_000)]),
          ),
        }),
      }),
      caller,
    );
    expect(acceptance.ok).toBe(false);
    expect(acceptance.ok ? 0 : acceptance.tooLargeBytes).toBeGreaterThan(1_000_000);
  });
});
