import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { translateSesWebhook } from '../../../shared/esp/ses/webhook.ts';

type Fields = Readonly<Record<string, unknown>>;

const fixture = (name: string): Fields =>
  JSON.parse(readFileSync(new URL(`../../fixtures/ses/${name}.json`, import.meta.url), 'utf8')) as Fields;
const posted = (message: string, id = 'sns-1') =>
  translateSesWebhook(
    Buffer.from(JSON.stringify({ Type: 'Notification', MessageId: id, TopicArn: 'arn', Message: message })),
  );
const translate = (record: unknown, id?: string) => posted(JSON.stringify(record), id);
/** The record with some members of one of its parts changed. */
const changed = (name: string, part: string, change: Fields): Fields => {
  const record = fixture(name);
  return { ...record, [part]: { ...(record[part] as Fields), ...change } };
};

const ours = {
  index: 0,
  recipient: 'ann@example.org',
  messageId: '01890a5d-0000-7000-8000-000000000001',
  attemptId: '01890a5d-0000-7000-8000-000000000001.1',
  providerMessageId: '0100019a0000-aaaa',
};

describe("SES's events", () => {
  it.each([
    ['delivery', { type: 'delivered', at: '2026-11-01T10:00:03.000Z' }],
    ['delivery-delay', { type: 'deferred', reason: 'smtp; 452 4.2.2 over quota' }],
    ['bounce', { type: 'bounced', bounceClass: 'hard', reason: 'smtp; 550 5.1.1 user unknown' }],
    ['complaint', { type: 'complained', at: '2026-11-01T11:00:00.000Z' }],
    ['open', { type: 'opened', at: '2026-11-01T12:00:00.000Z' }],
    ['click', { type: 'clicked', at: '2026-11-01T12:01:00.000Z' }],
    ['reject', { type: 'failed', at: '2026-11-01T10:00:00.000Z', reason: 'Bad content' }],
    ['rendering-failure', { type: 'failed', reason: "Attribute 'name' is not present in the rendering data." }],
    ['subscription', { type: 'unsubscribed', at: '2026-11-01T13:00:00.000Z' }],
  ])('come out as ours: %s', (name, expected) => {
    const { events, rest } = translate(fixture(name));
    expect(rest).toEqual([]);
    expect(events).toEqual([expect.objectContaining({ ...ours, ...expected })]);
  });

  it.each([
    ['Permanent', 'General', 'bounced', 'hard'],
    ['Permanent', 'NoEmail', 'bounced', 'hard'],
    ['Permanent', 'Suppressed', 'failed', undefined],
    ['Permanent', 'OnAccountSuppressionList', 'failed', undefined],
    ['Permanent', 'SomethingNew', 'bounced', 'soft'],
    ['Transient', 'General', 'bounced', 'soft'],
    ['Transient', 'MailboxFull', 'bounced', 'soft'],
    ['Transient', 'MessageTooLarge', 'bounced', 'soft'],
    ['Transient', 'ContentRejected', 'bounced', 'soft'],
    ['Transient', 'AttachmentRejected', 'bounced', 'soft'],
    ['Undetermined', 'Undetermined', 'bounced', 'soft'],
    ['Permanent', 'constructor', 'bounced', 'soft'],
  ])('tell a bounce %s/%s as %s %s', (bounceType, bounceSubType, type, bounceClass) => {
    const [event] = translate(changed('bounce', 'bounce', { bounceType, bounceSubType })).events;
    expect([event?.type, event?.bounceClass]).toEqual([type, bounceClass]);
  });

  it('tell a complaint about mail that was never sent as failed, and one taken back as nothing', () => {
    const suppressed = changed('complaint', 'complaint', { complaintSubType: 'OnAccountSuppressionList' });
    expect(translate(suppressed).events).toEqual([expect.objectContaining({ type: 'failed' })]);
    const takenBack = changed('complaint', 'complaint', { complaintFeedbackType: 'not-spam' });
    expect(translate(takenBack)).toEqual({ events: [], rest: [expect.objectContaining({ kind: 'ignored' })] });
  });

  it.each([
    [{ unsubscribeAll: true, topicSubscriptionStatus: [] }, 1],
    [{ unsubscribeAll: false, topicSubscriptionStatus: [{ topicName: 'a', subscriptionStatus: 'OptOut' }] }, 1],
    [{ unsubscribeAll: false, topicSubscriptionStatus: [{ topicName: 'a', subscriptionStatus: 'OptIn' }] }, 0],
    [undefined, 0],
  ])('unsubscribe who opts out: %j', (newTopicPreferences, count) => {
    expect(translate(changed('subscription', 'subscription', { newTopicPreferences })).events).toHaveLength(count);
  });

  it('name each recipient of a record, and hold our ids only for whom the mail was sent to', () => {
    const { events } = translate(fixture('delivery-of-copies'));
    expect(events).toEqual([
      expect.objectContaining(ours),
      expect.objectContaining({
        index: 1,
        recipient: 'Boss@acme.example',
        messageId: undefined,
        providerMessageId: ours.providerMessageId,
      }),
    ]);
    expect(events[0]?.id).not.toBe(events[1]?.id);
  });

  it.each(['bounce', 'complaint', 'delivery'])('are one event in both dialects: %s', (name) => {
    const [event] = translate(fixture(name), 'sns-1').events;
    const [feedback] = translate(fixture(`feedback-${name}`), 'sns-2').events;
    expect(feedback?.id).toBe(event?.id);
    expect(feedback?.messageId).toBeUndefined();
    expect(feedback).toMatchObject({ type: event?.type, recipient: event?.recipient, at: event?.at });
  });

  it('get another id for another happening', () => {
    const click = (link: string, timestamp: string) =>
      translate(changed('click', 'click', { link, timestamp })).events[0]?.id;
    const ids = [
      click('https://a.example', '2026-11-01T12:00:00.000Z'),
      click('https://b.example', '2026-11-01T12:00:00.000Z'),
      click('https://a.example', '2026-11-01T12:00:01.000Z'),
      click('https://a.example', '2026-11-01T12:00:00.000Z'),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it('are read with as little as may be there', () => {
    const bare = { eventType: 'Bounce', bounce: { timestamp: '2026-11-01T10:00:00Z', bounceType: 'Permanent' } };
    expect(translate(bare)).toEqual({
      events: [
        expect.objectContaining({ type: 'bounced', bounceClass: 'soft', recipient: undefined, messageId: undefined }),
      ],
      rest: [],
    });
  });

  it.each(['_zz', 'ü', '_', 7, null, []])('believe no tag that is not of our making: %j', (tag) => {
    const record = changed('open', 'mail', { tags: { mf_message_id: [tag] } });
    expect(translate(record).events[0]?.messageId).toBeUndefined();
  });

  it('change nothing with what is only set-up', () => {
    const sentence = 'Successfully validated SNS topic for Amazon SES event publishing.';
    const ignored = { events: [], rest: [expect.objectContaining({ kind: 'ignored' })] };
    expect(posted(sentence)).toEqual(ignored);
    expect(translate({ notificationType: 'AmazonSnsSubscriptionSucceeded', message: 'You have …' })).toEqual(ignored);
    expect(translate(fixture('send'))).toEqual(ignored);
  });

  it.each([
    { eventType: 'Novel' },
    { eventType: 'constructor' },
    { ...fixture('open'), open: {}, mail: {} },
    changed('delivery', 'delivery', { timestamp: '0001-01-01T00:00:00Z' }),
    {},
    [],
    'text',
  ])('are unreadable, not fatal: %#', (record) => {
    expect(translate(record)).toEqual({
      events: [],
      rest: [expect.objectContaining({ kind: 'unreadable', index: 0 })],
    });
  });

  it.each(['', 'nope', '[]', '1'])('are no body that says %j', (body) => {
    expect(() => translateSesWebhook(Buffer.from(body))).toThrow(InvalidMessageError);
  });
});
