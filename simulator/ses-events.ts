import { createHash, sign, type KeyObject } from 'node:crypto';
import type { HappeningKind } from './outcomes.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';

type Shape = (event: WireEvent, at: string) => Readonly<Record<string, unknown>>;

const feedbackId = ({ eventId }: WireEvent): string => `0100-${eventId}-000000`;

const reader = { ipAddress: '192.0.2.1', userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)' };

const shapes: Readonly<Record<HappeningKind, Shape>> = {
  delivered: ({ message }, at) => ({
    eventType: 'Delivery',
    delivery: {
      timestamp: at,
      processingTimeMillis: 546,
      // One record tells of the recipient and of all who had a copy.
      recipients: [message.email, ...(message.copies ?? [])],
      smtpResponse: '250 2.6.0 Message received',
      reportingMTA: 'mta.example.com',
    },
  }),
  bounced: (event, at) => {
    const isSoft = event.bounceClass === 'soft';
    return {
      eventType: 'Bounce',
      bounce: {
        bounceType: isSoft ? 'Transient' : 'Permanent',
        bounceSubType: isSoft ? 'MailboxFull' : 'NoEmail',
        bouncedRecipients: [
          {
            emailAddress: event.message.email,
            action: 'failed',
            status: isSoft ? '5.2.2' : '5.1.1',
            diagnosticCode: isSoft ? 'smtp; 552 5.2.2 mailbox full' : 'smtp; 550 5.1.1 user unknown',
          },
        ],
        timestamp: at,
        feedbackId: feedbackId(event),
        reportingMTA: 'dsn; mta.example.com',
      },
    };
  },
  opened: (_event, at) => ({ eventType: 'Open', open: { timestamp: at, ...reader } }),
  clicked: (_event, at) => ({
    eventType: 'Click',
    click: { timestamp: at, ...reader, link: 'https://link.example/', linkTags: {} },
  }),
  complained: (event, at) => ({
    eventType: 'Complaint',
    complaint: {
      complainedRecipients: [{ emailAddress: event.message.email }],
      timestamp: at,
      feedbackId: feedbackId(event),
      userAgent: 'ISP/1.0',
      complaintFeedbackType: 'abuse',
      arrivalDate: at,
    },
  }),
  unheardOf: (_event, at) => ({ eventType: 'Levitation', levitation: { timestamp: at } }),
};

const record = (event: WireEvent, at: string): Readonly<Record<string, unknown>> => {
  const { message } = event;
  const tags = Object.entries({ 'ses:configuration-set': 'default', ...message.own });
  const mail = {
    timestamp: at,
    messageId: message.providerMessageId,
    source: message.from,
    sourceArn: 'arn:aws:ses:us-east-1:123456789012:identity/acme.example',
    sendingAccountId: '123456789012',
    destination: [message.email, ...(message.copies ?? [])],
    headersTruncated: false,
    headers: [{ name: 'Subject', value: message.subject }],
    commonHeaders: { from: [message.from], to: [message.email], subject: message.subject },
    tags: Object.fromEntries(tags.map(([name, value]) => [name, [value]])),
  };
  return { ...shapes[event.kind](event, at), mail };
};

/** An id that is the same on every repeat of the event, in the shape of a UUID. */
const snsId = (eventId: string): string =>
  createHash('sha256')
    .update(eventId)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');

/** An SNS notification, signed as SNS signs (version 1 with SHA-1, 2 with SHA-256); unsigned without a key. */
export const snsNotification = (
  message: string,
  facts: { readonly id: string; readonly at: string; readonly topicArn: string; readonly version: '1' | '2' },
  key: KeyObject | undefined,
): Readonly<Record<string, string>> => {
  const { id, at, topicArn, version } = facts;
  const region = topicArn.split(':')[3] ?? 'us-east-1';
  const signed = { Message: message, MessageId: id, Timestamp: at, TopicArn: topicArn, Type: 'Notification' };
  const words = Object.entries(signed)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join('');
  const signature = key && sign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256', Buffer.from(words), key);
  const host = `https://sns.${region}.amazonaws.com`;
  return {
    Type: signed.Type,
    MessageId: id,
    TopicArn: topicArn,
    Message: message,
    Timestamp: at,
    SignatureVersion: version,
    Signature: signature?.toString('base64') ?? '',
    SigningCertURL: `${host}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${topicArn}:0f0e`,
  };
};

/** SES's events behind an SNS topic: one record a post, by the rules by which SNS delivers. */
export const sesWebhook = (topicArn: string, key: KeyObject | undefined): SimulatedEsp['webhook'] => ({
  eventsPerPost: 1,
  flushMs: 50,
  encode: (events, now) => {
    const [event] = events;
    const at = now.toISOString();
    const message = event === undefined ? '' : JSON.stringify(record(event, at));
    const id = snsId(event?.eventId ?? '');
    // Topics of both versions exist.
    const version = /^[0-7]/.test(id) ? '1' : '2';
    const envelope = snsNotification(message, { id, at, topicArn, version }, key);
    const headers = {
      'content-type': 'text/plain; charset=UTF-8',
      'user-agent': 'Amazon Simple Notification Service Agent',
      'x-amz-sns-message-type': 'Notification',
      'x-amz-sns-message-id': id,
      'x-amz-sns-topic-arn': topicArn,
      'x-amz-sns-subscription-arn': `${topicArn}:0f0e`,
    };
    return { headers, body: Buffer.from(JSON.stringify(envelope, null, 2)) };
  },
  // Three retries, 20 s apart.
  retryDelaysMs: [20_000, 20_000, 20_000],
  // A client error counts as an answer: it is never sent again.
  judge: (status) => (status >= 200 && status < 300 ? 'done' : status >= 400 && status < 500 ? 'stop' : 'again'),
});
