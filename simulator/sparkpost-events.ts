import type { HappeningKind } from './outcomes.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';
import { sha256 } from './wire-values.ts';

type EventClass = 'message_event' | 'track_event';
type Words = Readonly<Record<string, string>>;

const browser = { user_agent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', ip_address: '203.0.113.7' };
const bounces = {
  hard: { bounce_class: '10', error_code: '550', reason: '550 5.1.1 The account does not exist' },
  soft: { bounce_class: '22', error_code: '452', reason: '452 4.2.2 The mailbox is full' },
} as const;

const shapes: Readonly<Record<HappeningKind, (event: WireEvent) => readonly [EventClass, Words]>> = {
  delivered: () => ['message_event', { type: 'delivery', queue_time: '12', num_retries: '0' }],
  bounced: ({ bounceClass = 'hard' }) => [
    'message_event',
    { type: 'bounce', num_retries: '0', raw_reason: bounces[bounceClass].reason, ...bounces[bounceClass] },
  ],
  opened: () => ['track_event', { type: 'open', ...browser }],
  clicked: () => [
    'track_event',
    { type: 'click', target_link_url: 'https://link.example/', target_link_name: 'Raw URL', ...browser },
  ],
  complained: () => ['message_event', { type: 'spam_complaint', fbtype: 'abuse', report_by: 'mailbox.example' }],
  unheardOf: () => ['message_event', { type: 'levitation' }],
};

// SparkPost's ids are numbers of more digits than a double holds, told as strings.
const longNumber = (text: string): string => BigInt(`0x${sha256(text).slice(0, 16)}`).toString();

const wireEvent = (event: WireEvent, seconds: string): unknown => {
  const { message, eventId } = event;
  const [eventClass, words] = shapes[event.kind](event);
  return {
    msys: {
      [eventClass]: {
        ...words,
        event_id: longNumber(eventId),
        timestamp: seconds,
        message_id: sha256(`${message.providerMessageId}|${message.email}`).slice(0, 20),
        transmission_id: message.providerMessageId,
        rcpt_to: message.email.toLowerCase(),
        raw_rcpt_to: message.email,
        rcpt_meta: message.own,
        rcpt_tags: message.tags,
        subject: message.subject,
        friendly_from: message.from,
        template_id: `template_${message.providerMessageId}`,
        template_version: '0',
        ip_pool: 'default',
        sending_ip: '192.0.2.25',
      },
    },
  };
};

/** SparkPost's webhooks: batches with the Basic credentials of the webhook; nothing but 200 will do. */
export const sparkpostWebhook = (
  credentials: { readonly user: string; readonly password: string } | undefined,
): SimulatedEsp['webhook'] => {
  const basic =
    credentials === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}` };
  return {
    eventsPerPost: 300,
    flushMs: 200,
    encode: (events, now) => {
      const seconds = String(Math.floor(now.getTime() / 1000));
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'SparkPost',
        // The same when a batch comes again.
        'x-messagesystems-batch-id': sha256(events.map(({ eventId }) => eventId).join()).slice(0, 32),
        ...basic,
      };
      return { headers, body: Buffer.from(JSON.stringify(events.map((event) => wireEvent(event, seconds)))) };
    },
    // "Retried over 8 h"; the steps are ours.
    retryDelaysMs: [1, 5, 15, 30, 60, 120, 240].map((minutes) => minutes * 60_000),
    judge: (status) => (status === 200 ? 'done' : 'again'),
  };
};
