import { createPrivateKey, sign } from 'node:crypto';
import type { WebhookEsp } from '../../shared/contracts/topics.ts';
import { snsNotification } from '../../simulator/ses-events.ts';

/** What a test wants an ESP to have told. */
export interface Told {
  readonly kind: 'delivered' | 'bounced' | 'unheard-of';
  readonly n: number;
  readonly email: string;
  readonly at: Date;
  readonly reason?: string;
  /** Our message id, where the ESP carries it. */
  readonly messageId?: string;
}

export interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One ESP as the sender of webhooks: its event as JSON, and the genuine post of a body. */
export interface EspVoice {
  /** How many events a body may hold. */
  readonly holds: 'one' | 'many';
  event(told: Told): unknown;
  /** A body with whatever the ESP writes into it itself. */
  body(json: unknown): Buffer;
  sign(body: Buffer, contentType?: string): Post;
}

const seconds = (at: Date): number => Math.floor(at.getTime() / 1_000);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const basic = (user = '', password = ''): Readonly<Record<string, string>> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

type Environment = Readonly<Record<string, string>>;

const sendgrid = (env: Environment): EspVoice => {
  const key = createPrivateKey(env['SIMULATOR_SENDGRID_PRIVATE_KEY'] ?? '');
  return {
    holds: 'many',
    event: ({ kind, n, email, at, reason, messageId }) => ({
      event: { delivered: 'delivered', bounced: 'bounce', 'unheard-of': 'levitated' }[kind],
      ...(kind === 'bounced' ? { type: 'bounce' } : {}),
      ...{ email, timestamp: seconds(at), sg_event_id: `hostile-${n}`, sg_message_id: `sg-${n}`, reason },
      ...(messageId === undefined ? {} : { mf_message_id: messageId }),
    }),
    body: json,
    sign: (body, contentType = 'application/json') => {
      const timestamp = String(seconds(new Date()));
      return {
        body,
        headers: {
          'content-type': contentType,
          'x-twilio-email-event-webhook-timestamp': timestamp,
          'x-twilio-email-event-webhook-signature': sign(
            'sha256',
            Buffer.concat([Buffer.from(timestamp), body]),
            key,
          ).toString('base64'),
        },
      };
    },
  };
};

const postmark = (env: Environment): EspVoice => ({
  holds: 'one',
  event: ({ kind, n, email, at, reason }) => ({
    ...(kind === 'bounced'
      ? {
          RecordType: 'Bounce',
          Type: 'HardBounce',
          TypeCode: 1,
          Email: email,
          BouncedAt: at.toISOString(),
          ID: n,
          Description: reason,
          Details: reason,
        }
      : {
          RecordType: kind === 'delivered' ? 'Delivery' : 'Levitation',
          Recipient: email,
          DeliveredAt: at.toISOString(),
        }),
    ...{ MessageID: `pm-${n}`, ServerID: 1, MessageStream: 'outbound', Metadata: {} },
  }),
  body: json,
  sign: (body, contentType = 'application/json') => ({
    body,
    headers: { 'content-type': contentType, ...basic(env['POSTMARK_WEBHOOK_USER'], env['POSTMARK_WEBHOOK_PASSWORD']) },
  }),
});

const sparkpost = (env: Environment): EspVoice => ({
  holds: 'many',
  event: ({ kind, n, email, at, reason }) => ({
    msys: {
      message_event: {
        type: { delivered: 'delivery', bounced: 'bounce', 'unheard-of': 'levitation' }[kind],
        ...(kind === 'bounced' ? { bounce_class: '10', reason } : {}),
        ...{ event_id: `hostile-${n}`, timestamp: String(seconds(at)), rcpt_to: email, transmission_id: `sp-${n}` },
      },
    },
  }),
  body: json,
  sign: (body, contentType = 'application/json') => ({
    body,
    headers: {
      'content-type': contentType,
      ...basic(env['SPARKPOST_WEBHOOK_USER'], env['SPARKPOST_WEBHOOK_PASSWORD']),
    },
  }),
});

const socketlabs = (env: Environment): EspVoice => ({
  holds: 'one',
  event: ({ kind, n, email, at, reason }) => ({
    Type: { delivered: 'Delivered', bounced: 'Failed', 'unheard-of': 'Levitated' }[kind],
    ...(kind === 'bounced' ? { FailureType: 'Permanent', FailureCode: 2001, Reason: reason } : {}),
    ...{ DateTime: at.toISOString(), ServerId: 10_001, Address: email, MailingId: `sl-${n}`, MessageId: `sl-${n}` },
  }),
  body: (event) =>
    json(
      typeof event === 'object' && event !== null && !Array.isArray(event)
        ? { ...event, SecretKey: env['SOCKETLABS_WEBHOOK_SECRET'] ?? '' }
        : event,
    ),
  sign: (body, contentType = 'application/json') => ({ body, headers: { 'content-type': contentType } }),
});

const ses = (env: Environment): EspVoice => {
  const key = createPrivateKey(env['SIMULATOR_SES_PRIVATE_KEY'] ?? '');
  let next = 0;
  return {
    holds: 'one',
    event: ({ kind, n, email, at, reason }) => ({
      eventType: { delivered: 'Delivery', bounced: 'Bounce', 'unheard-of': 'Levitation' }[kind],
      mail: { timestamp: at.toISOString(), messageId: `ses-${n}`, destination: [email], tags: {} },
      delivery: { timestamp: at.toISOString(), recipients: [email] },
      bounce: {
        ...{
          timestamp: at.toISOString(),
          bounceType: 'Permanent',
          bounceSubType: 'General',
          feedbackId: `hostile-${n}`,
        },
        bouncedRecipients: [{ emailAddress: email, diagnosticCode: reason }],
      },
    }),
    body: (record) => {
      next += 1;
      const facts = {
        id: `hostile-${next}`,
        at: new Date().toISOString(),
        topicArn: env['SES_TOPIC_ARN'] ?? '',
        version: '2' as const,
      };
      return json(snsNotification(typeof record === 'string' ? record : JSON.stringify(record), facts, key));
    },
    sign: (body, contentType = 'text/plain; charset=UTF-8') => ({ body, headers: { 'content-type': contentType } }),
  };
};

/** Every ESP that has webhooks, with the keys that this fleet trusts. */
export const espVoices = (env: Environment): Readonly<Record<WebhookEsp, EspVoice>> => ({
  sendgrid: sendgrid(env),
  postmark: postmark(env),
  sparkpost: sparkpost(env),
  socketlabs: socketlabs(env),
  ses: ses(env),
});
