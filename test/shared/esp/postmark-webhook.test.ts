import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { translatePostmarkWebhook, verifyPostmarkWebhook } from '../../../shared/esp/postmark/webhook.ts';

type Fields = Readonly<Record<string, unknown>>;
const fixture = (name: string): Fields =>
  JSON.parse(readFileSync(new URL(`../../fixtures/postmark/${name}.json`, import.meta.url), 'utf8')) as Fields;
const translate = (record: unknown) => translatePostmarkWebhook(Buffer.from(JSON.stringify(record)));

const ours = {
  index: 0,
  recipient: 'ann@example.org',
  messageId: '01890a5d-0000-7000-8000-000000000001',
  attemptId: '01890a5d-0000-7000-8000-000000000001.1',
  providerMessageId: '00000000-aaaa-4bbb-8ccc-000000000001',
};

describe("Postmark's records", () => {
  it.each([
    ['delivery', { type: 'delivered', at: '2025-10-09T10:53:20.123Z' }],
    ['open', { type: 'opened', at: '2025-10-09T10:53:20.123Z' }],
    ['click', { type: 'clicked', at: '2025-10-09T10:53:20.000Z' }],
    ['spam-complaint', { type: 'complained', at: '2025-10-09T10:53:20.123Z', id: 'SpamComplaint:77:' }],
    [
      'bounce',
      {
        type: 'bounced',
        bounceClass: 'hard',
        id: 'Bounce:692560173:HardBounce',
        reason: 'The server was unable to deliver your message. - smtp;550 5.1.1 No such user',
      },
    ],
  ])('come out as ours: %s', (name, expected) => {
    const { events, rest } = translate(fixture(name));
    expect(rest).toEqual([]);
    expect(events).toEqual([expect.objectContaining({ ...ours, ...expected })]);
  });

  it.each([
    ['HardBounce', 1, 'bounced', 'hard'],
    ['BadEmailAddress', 100000, 'bounced', 'hard'],
    ['SoftBounce', 4096, 'bounced', 'soft'],
    ['Blocked', 100006, 'bounced', 'soft'],
    ['DMARCPolicy', 100009, 'bounced', 'soft'],
    ['VirusNotification', 8192, 'bounced', 'soft'],
    ['Unknown', 2048, 'bounced', 'soft'],
    ['Transient', 2, 'deferred', undefined],
    ['DnsError', 256, 'deferred', undefined],
    ['SpamNotification', 512, 'complained', undefined],
    ['SpamComplaint', 100001, 'complained', undefined],
    ['Unsubscribe', 16, 'unsubscribed', undefined],
    ['ManuallyDeactivated', 100002, 'failed', undefined],
    ['SMTPApiError', 100007, 'failed', undefined],
    ['TemplateRenderingFailed', 100010, 'failed', undefined],
  ])('tell a bounce %s (%i) as %s', (Type, TypeCode, type, bounceClass) => {
    for (const change of [
      { Type, TypeCode },
      { Type: undefined, TypeCode },
      { Type, TypeCode: undefined },
    ]) {
      const [event] = translate({ ...fixture('bounce'), ...change }).events;
      expect([event?.type, event?.bounceClass]).toEqual([type, bounceClass]);
    }
  });

  it.each(['AutoResponder', 'Subscribe', 'AddressChange', 'ChallengeVerification', 'OpenRelayTest'])(
    'change nothing with %s',
    (Type) => {
      expect(translate({ ...fixture('bounce'), Type }).rest).toEqual([expect.objectContaining({ kind: 'ignored' })]);
    },
  );

  it.each([
    ['HardBounce', 'bounced', 'hard'],
    ['SpamComplaint', 'complained', undefined],
    ['ManualSuppression', 'unsubscribed', undefined],
  ])('tell a suppression for %s as %s', (SuppressionReason, type, bounceClass) => {
    const [event] = translate({ ...fixture('subscription-change'), SuppressionReason }).events;
    expect([event?.type, event?.bounceClass, event?.providerMessageId]).toEqual([type, bounceClass, undefined]);
  });

  it('change nothing when an address is reactivated', () => {
    const record = { ...fixture('subscription-change'), SuppressSending: false, SuppressionReason: null };
    expect(translate(record)).toEqual({ events: [], rest: [expect.objectContaining({ kind: 'ignored' })] });
  });

  it.each([
    { RecordType: 'Inbound' },
    { RecordType: 'toString' },
    { ...fixture('bounce'), Type: 'Novel', TypeCode: 3 },
    { ...fixture('delivery'), DeliveredAt: undefined },
    { ...fixture('delivery'), DeliveredAt: '0001-01-01T00:00:00Z' },
    {},
  ])('are unreadable, not fatal: %#', (record) => {
    expect(translate(record)).toEqual({
      events: [],
      rest: [expect.objectContaining({ kind: 'unreadable', index: 0 })],
    });
  });

  it('are read without recipient, message and own data', () => {
    const { Email, MessageID, Metadata, ...bare } = fixture('bounce');
    expect([Email, MessageID, Metadata]).not.toContain(undefined);
    expect(translate(bare).events).toEqual([expect.objectContaining({ type: 'bounced', recipient: undefined })]);
  });

  it('get an id of their own, the same on every repeat', () => {
    const id = (change: Fields) => translate({ ...fixture('click'), ...change }).events[0]?.id;
    expect(id({})).toBe(id({ UserAgent: 'another', Tag: 'x' }));
    expect(
      new Set([id({}), id({ OriginalLink: 'https://other.example' }), id({ Recipient: 'b@example.org' })]).size,
    ).toBe(3);
  });

  it.each(['', 'nope', '[]', '1'])('are no body that says %j', (body) => {
    expect(() => translatePostmarkWebhook(Buffer.from(body))).toThrow(InvalidMessageError);
  });
});

describe("Postmark's credentials", () => {
  const verify = verifyPostmarkWebhook({ user: 'hook', password: 'pä:ss' });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const request = (authorization?: string) => ({
    rawBody: Buffer.from('{}'),
    headers: authorization === undefined ? {} : { authorization },
  });

  it('are believed when right', () => {
    expect(verify(request(basic('hook:pä:ss')))).toBe(true);
    expect(verify(request(basic('hook:pä:ss').replace('Basic', 'basic')))).toBe(true);
  });

  it.each([
    undefined,
    '',
    'Basic',
    'Basic ',
    basic(''),
    basic('hook'),
    basic('hook:pä:s'),
    basic('Hook:pä:ss'),
    'Bearer x',
    '%',
  ])('are refused when they are %j', (authorization) => {
    expect(verify(request(authorization))).toBe(false);
  });
});
